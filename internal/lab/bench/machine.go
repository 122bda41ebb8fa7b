package bench

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what figures depend on, in general words: nobody needs its name.
type machine struct {
	kernel string // major and minor version
	cores  int
	memory float64 // GB
}

func readMachine() machine {
	m := machine{cores: runtime.NumCPU(), kernel: "?"}
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		release := strings.SplitN(unix.ByteSliceToString(name.Release[:]), ".", 3)
		m.kernel = strings.Join(release[:min(2, len(release))], ".")
	}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil {
		m.memory = float64(uint64(info.Totalram)*uint64(info.Unit)) / (1 << 30)
	}
	return m
}

// describe is one sentence. A load at the start means that the figures are
// somebody else's as well.
func (m machine) describe(at time.Time, load string) string {
	return fmt.Sprintf("%s, Linux %s on %s, %d cores, %.0f GB, %s, load %s at the start.",
		at.UTC().Format("2006-01-02 15:04 UTC"), m.kernel, runtime.GOARCH, m.cores, m.memory, runtime.Version(), load)
}

// loadAverage is that of the last minute.
func loadAverage() string {
	data, err := os.ReadFile("/proc/loadavg")
	if fields := strings.Fields(string(data)); err == nil && len(fields) > 0 {
		return fields[0]
	}
	return "unknown"
}
