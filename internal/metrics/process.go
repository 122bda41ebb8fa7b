package metrics

import (
	"fmt"
	"os"
	"runtime"

	"edgeagent/internal/status"
)

// Process is what a process holds. A figure that is not known is 0.
type Process struct {
	Goroutines int
	OpenFDs    int   // file descriptors
	Resident   int64 // bytes
}

// Own returns what this process holds. A figure that only ever grows is a leak.
// See proc(5), /proc/pid/fd and /proc/pid/statm.
func Own() Process {
	p := Process{Goroutines: runtime.NumGoroutine()}
	if fds, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.OpenFDs = len(fds) - 1 // the directory's own
	}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		var size, resident int64 // in pages
		if _, err := fmt.Sscan(string(text), &size, &resident); err == nil {
			p.Resident = resident * int64(os.Getpagesize())
		}
	}
	return p
}

func (p Process) goroutines(status.Snapshot) []sample { return known(float64(p.Goroutines)) }

func (p Process) fds(status.Snapshot) []sample { return known(float64(p.OpenFDs)) }

func (p Process) memory(status.Snapshot) []sample { return known(float64(p.Resident)) }

// known is a figure's sample; none without a daemon.
func known(n float64) []sample {
	if n == 0 {
		return nil
	}
	return []sample{{nil, n}}
}
