package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what a process has used, or uses, at one moment.
type usage struct {
	cpu     time.Duration
	wakeups int     // threads that began to run after waiting for something
	rss     float64 // MB of 10^6 bytes, as all memory here
	pss     float64 // its share of what it shares with others
	peak    float64 // the largest rss so far
}

// readUsage reads a process from proc(5), and its CPU time from its clock.
func readUsage(pid int) (usage, error) {
	var u usage
	var err error
	if u.cpu, err = processTime(pid); err != nil {
		return u, err
	}
	tasks, err := filepath.Glob(proc(pid, "task/*/status"))
	if err != nil {
		return u, err
	}
	for _, task := range tasks {
		u.wakeups += number(task, "voluntary_ctxt_switches")
	}
	u.rss, u.pss = megabytes(number(proc(pid, "smaps_rollup"), "Rss")), megabytes(number(proc(pid, "smaps_rollup"), "Pss"))
	u.peak = megabytes(number(proc(pid, "status"), "VmHWM"))
	if u.rss == 0 || u.peak == 0 {
		return u, fmt.Errorf("process %d shows no memory", pid)
	}
	return u, nil
}

// schedClock makes a process's clock of its id (clock_getcpuclockid(3)): it
// counts in ns, and threads that have ended as well.
const schedClock = 2

func processTime(pid int) (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid)<<3|schedClock, &t); err != nil {
		return 0, fmt.Errorf("reading the processor time of process %d: %w", pid, err)
	}
	return time.Duration(t.Nano()), nil
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
