package bench

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// usage is what a process has used, or uses, at one moment.
type usage struct {
	cpu     time.Duration
	wakeups int     // threads that began to run after waiting for something
	rss     float64 // MB of 10^6 bytes, as all memory here
	pss     float64 // its share of what it shares with others
	peak    float64 // the largest rss so far
}

// readUsage reads a process from proc(5). CPU time is the sum over its threads,
// in ns; that of the whole process is counted in ticks of 10 ms only.
func readUsage(pid int) (usage, error) {
	var u usage
	tasks, err := filepath.Glob(proc(pid, "task/*"))
	if err != nil {
		return u, err
	}
	for _, task := range tasks {
		cpu, err := threadTime(task)
		if err != nil {
			return u, fmt.Errorf("reading processor time: %w", err)
		}
		u.cpu += cpu
		u.wakeups += number(task+"/status", "voluntary_ctxt_switches")
	}
	u.rss, u.pss = megabytes(number(proc(pid, "smaps_rollup"), "Rss")), megabytes(number(proc(pid, "smaps_rollup"), "Pss"))
	u.peak = megabytes(number(proc(pid, "status"), "VmHWM"))
	if u.rss == 0 || u.peak == 0 {
		return u, fmt.Errorf("process %d shows no memory", pid)
	}
	return u, nil
}

// threadTime is zero for a thread that has ended since it was listed.
func threadTime(task string) (time.Duration, error) {
	data, err := os.ReadFile(task + "/schedstat")
	if err != nil {
		// ESRCH comes from a thread that ends while it is read.
		if errors.Is(err, fs.ErrNotExist) || !exists(task) {
			return 0, nil
		}
		return 0, err
	}
	ns, err := strconv.ParseInt(strings.Fields(string(data))[0], 10, 64)
	return time.Duration(ns), err
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

func proc(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// megabytes turns the kernel's kB, which are 1024 bytes, into MB.
func megabytes(kib int) float64 { return float64(kib) * 1024 / 1e6 }

// number finds "key: N" in a file of /proc; 0 if it is not there.
func number(file, key string) int {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		name, rest, _ := strings.Cut(line, ":")
		if fields := strings.Fields(rest); name == key && len(fields) > 0 {
			n, _ := strconv.Atoi(fields[0])
			return n
		}
	}
	return 0
}

// command is the name of a process's program and the first word after it.
func command(pid int) string {
	data, err := os.ReadFile(proc(pid, "cmdline"))
	if err != nil {
		return ""
	}
	words := append(strings.Split(string(data), "\x00"), "", "")
	return filepath.Base(words[0]) + " " + words[1]
}
