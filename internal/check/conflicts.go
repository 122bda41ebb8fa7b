package check

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rival is a program that does a part of the agent's work, by how its command
// line shows it.
type rival struct {
	program string
	is      words
}

// rivals are those of the hand-made set-ups that the agent replaces.
func rivals() []rival {
	return []rival{
		{"openvpn", say("conflicts.openvpn")},
		{"localproxy", say("conflicts.localproxy")},
		{"aws-iot-device-client", say("conflicts.deviceclient")},
	}
}

// checkConflicts looks for programs that would fight with the agent: for the
// tunnel, for the MQTT client id, for the notifications.
func checkConflicts(_ context.Context, x *examination) outcome {
	procs, err := processes(x.file("/proc"))
	if err != nil {
		return skipped(foreign(err.Error()))
	}
	found := list{between: "; "}
	pid := 0
	for _, r := range rivals() {
		for _, p := range procs {
			if p.name == r.program && !strings.Contains(p.line, x.o.RuntimeDir+"/") && !agents(procs, p) {
				found.parts = append(found.parts, say("conflicts.found", r.is, p.pid))
				pid = p.pid
			}
		}
	}
	if len(found.parts) > 0 {
		return warning(found, say("conflicts.fix", pid))
	}
	return ok(say("conflicts.ok"))
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
