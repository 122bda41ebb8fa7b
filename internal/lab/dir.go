package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// dirPattern names lab directories. They lie in /tmp whatever TMPDIR says:
// paths of unix sockets must stay under 108 bytes, and nodes hide /run.
const dirPattern = "/tmp/ealab-*"

// stateFile lies in each of them.
const stateFile = "lab.json"

// State is what a lab leaves for others to find it by.
type State struct {
	Dir   string         `json:"-"`
	PID   int            `json:"pid"`   // of the program that runs the lab
	Start string         `json:"start"` // of that program, in ticks since boot
	Nodes map[string]int `json:"nodes"` // process id of each node's init
}

// newDir also writes the state, without nodes yet: a lab that is killed while
// it starts can be swept too.
func newDir() (string, error) {
	dir, err := os.MkdirTemp(filepath.Dir(dirPattern), filepath.Base(dirPattern))
	if err != nil {
		return "", fmt.Errorf("making the lab's directory: %w", err)
	}
	// The device's files are for everyone there, its secrets have modes of
	// their own.
	if err := os.Chmod(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the lab's directory: %w", err)
	}
	return dir, writeState(dir, nil)
}

func writeState(dir string, nodes []*Node) error {
	state := State{PID: os.Getpid(), Start: startTime(os.Getpid()), Nodes: map[string]int{}}
	for _, n := range nodes {
		state.Nodes[n.Name] = n.Pid()
	}
	data, err := json.Marshal(state)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, stateFile), data, 0o600)
	}
	if err != nil {
		return fmt.Errorf("writing the lab's state: %w", err)
	}
	return nil
}

// Labs lists the labs of this user on this machine, alive and dead.
func Labs() ([]State, error) {
	dirs, err := filepath.Glob(dirPattern)
	if err != nil {
		return nil, err
	}
	var labs []State
	for _, dir := range dirs {
		if s, ok := readState(dir); ok {
			labs = append(labs, s)
		}
	}
	return labs, nil
}

// readState reads the state of a lab that this user made; anybody may put
// anything into /tmp.
func readState(dir string) (s State, ok bool) {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Sys().(*syscall.Stat_t).Uid != uint32(os.Getuid()) {
		return s, false
	}
	data, err := os.ReadFile(filepath.Join(dir, stateFile))
	if err != nil || json.Unmarshal(data, &s) != nil || s.PID <= 0 || s.Start == "" {
		return s, false
	}
	s.Dir = dir
	return s, true
}

// Alive reports whether the program that runs the lab is still the one that
// made it.
func (s State) Alive() bool { return startTime(s.PID) == s.Start }

// Sweep removes the directories of labs whose program is provably gone; their
// namespaces went with it.
func Sweep() error {
	labs, err := Labs()
	if err != nil {
		return fmt.Errorf("looking for dead labs: %w", err)
	}
	for _, s := range labs {
		if s.Alive() {
			continue
		}
		if err := os.RemoveAll(s.Dir); err != nil {
			return fmt.Errorf("removing a dead lab: %w", err)
		}
	}
	return nil
}

// startTime returns when a process started, in ticks since boot, or "" if
// there is no such process. See proc(5), /proc/pid/stat, field 22.
func startTime(pid int) string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	// The second field is the program's name, which may hold anything.
	_, rest, _ := strings.Cut(string(data[strings.LastIndexByte(string(data), ')')+1:]), " ")
	fields := strings.Fields(rest)
	if len(fields) < 20 {
		return ""
	}
	return fields[19]
}
