package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Processes returns the host's ids of the node's processes whose program has
// the given name, all of them for "". Zombies are not among them.
func (n *Node) Processes(name string) ([]int, error) {
	return processesOf(n.Pid(), name)
}

// processesOf finds the processes in the same process namespace as init.
func processesOf(init int, name string) ([]int, error) {
	space, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(init), "ns", "pid"))
	if err != nil {
		return nil, fmt.Errorf("looking for processes: %w", err)
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking for processes: %w", err)
	}
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		dir := filepath.Join("/proc", e.Name())
		if s, err := os.Readlink(filepath.Join(dir, "ns", "pid")); err != nil || s != space {
			continue // gone, a zombie or another's
		}
		comm, err := os.ReadFile(filepath.Join(dir, "comm"))
		if err == nil && (name == "" || strings.TrimSpace(string(comm)) == name) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
