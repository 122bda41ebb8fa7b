package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"edgeagent/internal/lab"
)

// idle measures what the agent costs while nothing happens.
func (b *measurement) idle(ctx context.Context) error {
	b.title("/proc/PID/smaps_rollup, and voluntary_ctxt_switches of /proc/PID/task/*/status over %s idle", idleTime)
	return b.with(ctx, func(ctx context.Context, l *lab.Lab, a *lab.Agent) error {
		if err := sleep(ctx, settleTime); err != nil {
			return err
		}
		// OpenVPN is the agent's child and counts for what the device spends.
		pids := map[string]int{"edgeagent": a.PID()}
		if vpn, err := l.Device.Processes("openvpn"); err == nil && len(vpn) == 1 {
			pids["openvpn"] = vpn[0]
		}
		before := map[string]int{}
		for name, pid := range pids {
			before[name] = wakeups(pid)
		}
		if err := sleep(ctx, idleTime); err != nil {
			return err
		}
		for _, name := range []string{"edgeagent", "openvpn"} {
			pid := pids[name]
			fmt.Fprintf(b.out, "%-44s RSS %5.1f MB  PSS %5.1f MB  %5.2f wake-ups/s\n", name,
				memory(pid, "Rss"), memory(pid, "Pss"), float64(wakeups(pid)-before[name])/idleTime.Seconds())
		}
		return nil
	})
}

// wakeups counts how often the threads of a process have begun to run again
// after waiting for something. See proc(5).
func wakeups(pid int) int {
	files, _ := filepath.Glob(filepath.Join("/proc", strconv.Itoa(pid), "task", "*", "status"))
	sum := 0
	for _, file := range files {
		sum += number(file, "voluntary_ctxt_switches")
	}
	return sum
}

// memory returns a line of smaps_rollup in MB.
func memory(pid int, key string) float64 {
	return float64(number(filepath.Join("/proc", strconv.Itoa(pid), "smaps_rollup"), key)) * 1024 / 1e6
}

// number finds "key: N" in a file of /proc.
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
