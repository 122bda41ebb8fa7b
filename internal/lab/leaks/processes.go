package leaks

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"edgeagent/internal/lab"
)

// processes counts those on the device, and the daemon's own children: also those
// that have ended and that it has not waited for.
func (c *Census) processes(l *lab.Lab, daemon int) error {
	pids, err := l.Device.Processes("")
	if err != nil {
		return err
	}
	for _, pid := range pids {
		if name, _, ok := parent(pid); ok {
			c.add(process, name)
		}
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("looking for children: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if name, ppid, ok := parent(pid); ok && ppid == daemon {
			c.add(child, name)
		}
	}
	return nil
}

// parent returns a process's name, marked if it is a zombie, and its parent, as
// proc(5) writes them to /proc/pid/stat.
func parent(pid int) (name string, ppid int, ok bool) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return "", 0, false // gone
	}
	return parseStat(string(text))
}

// parseStat reads "PID (NAME) STATE PPID ..."; the name may hold anything.
func parseStat(text string) (name string, ppid int, ok bool) {
	begin, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return "", 0, false
	}
	fields := strings.Fields(text[end+1:])
	if len(fields) < 2 {
		return "", 0, false
	}
	ppid, err := strconv.Atoi(fields[1])
	if name = text[begin+1 : end]; fields[0] == "Z" {
		name += " (zombie)"
	}
	return name, ppid, err == nil
}
