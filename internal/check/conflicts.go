package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rivals are programs that do a part of the agent's work, by how their command
// line shows them. The hand-made set-ups that the agent replaces run them.
var rivals = []struct{ program, does string }{
	{"openvpn", "another OpenVPN client"},
	{"localproxy", "a localproxy that the agent did not start"},
	{"aws-iot-device-client", "AWS's device client"},
}

// checkConflicts looks for programs that would fight with the agent: for the
// tunnel, for the MQTT client id, for the notifications.
func checkConflicts(_ context.Context, x *examination) outcome {
	procs, err := processes(x.file("/proc"))
	if err != nil {
		return skipped(err.Error())
	}
	var found []string
	for _, p := range procs {
		for _, r := range rivals {
			if p.name == r.program && !strings.Contains(p.line, x.o.RuntimeDir+"/") && !agents(procs, p) {
				found = append(found, fmt.Sprintf("%s (pid %d)", r.does, p.pid))
			}
		}
	}
	if len(found) > 0 {
		return warning(strings.Join(found, "; "),
			"if it is left over from an older set-up: `systemctl status PID` names its unit, `sudo systemctl disable --now UNIT` ends it for good.")
	}
	return ok("none")
}

// process is an entry of /proc.
type process struct {
	pid, parent int
	name        string // of the program, without its directory
	line        string // the command line; the agent's OpenVPN names a socket in its runtime directory
}

func processes(dir string) (map[int]process, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(filepath.Join(dir, e.Name(), "stat"))
		if err != nil {
			continue // it has ended
		}
		p := process{pid: pid, parent: parentIn(string(stat))}
		if line, err := os.ReadFile(filepath.Join(dir, e.Name(), "cmdline")); err == nil {
			program, _, _ := strings.Cut(string(line), "\x00")
			p.name, p.line = filepath.Base(program), string(line)
		}
		all[pid] = p
	}
	return all, nil
}

// parentIn reads proc_pid_stat(5). The name in parentheses may hold anything.
func parentIn(stat string) int {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	pid, err := strconv.Atoi(fields[1])
	if err != nil {
		return 0
	}
	return pid
}

// agents reports whether p descends from an edgeagent.
func agents(all map[int]process, p process) bool {
	for range len(all) {
		parent, there := all[p.parent]
		if !there {
			return false
		}
		if parent.name == "edgeagent" {
			return true
		}
		p = parent
	}
	return false
}
