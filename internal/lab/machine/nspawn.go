package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"edgeagent/internal/lab"
)

// nspawn prepares systemd-nspawn for one boot, to be started inside the node
// and in the machine's cgroup.
func (m *Machine) nspawn() *exec.Cmd {
	args := []string{
		// By a shell that moves itself: a cgroup of version 1 beside it, as some
		// hosts have, cannot be given at the start.
		"-c", `echo $$ >"$0/cgroup.procs" && exec "$@"`, filepath.Join(cgroupRoot, m.cgroup),
		"systemd-nspawn", "--quiet", "--boot", "--directory=" + m.root(), "--machine=" + lab.Thing,
		// Nothing of it is registered with a systemd of the host, if there is one.
		"--register=no", "--keep-unit", "--console=pipe", "--private-users=no",
		"--resolv-conf=off", "--timezone=off", "--link-journal=no",
		// The network of the node. nspawn takes the capability away with it.
		"--network-namespace-path=/proc/1/ns/net", "--capability=CAP_NET_ADMIN",
	}
	if m.ReadOnly {
		args = append(args, "--read-only", "--bind="+m.state()+":/var/lib")
	}
	return m.node.Command(context.Background(), "sh", args...)
}

// awaitLeader waits until systemd-nspawn has started the machine's process 1
// and returns its id on the host.
func (m *Machine) awaitLeader(ctx context.Context, nspawn int) (leader int, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, errors.New("no process 1"))
	defer cancel()
	err = lab.Poll(ctx, pollEvery, func() error {
		// A zombie is a dead one that nobody has waited for yet.
		state, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(nspawn), "stat"))
		if err != nil || strings.Contains(string(state), ") Z ") {
			cancel()
			return errors.New("systemd-nspawn has ended")
		}
		for _, pid := range children(nspawn) {
			if isLeader(pid) {
				leader = pid
				return nil
			}
		}
		return errors.New("no process 1 yet")
	})
	return leader, err
}

// children returns the host's ids of a process's children.
func children(pid int) []int {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid)) // the pattern is good
	var pids []int
	for _, name := range files {
		text, _ := os.ReadFile(name) // gone is as good
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// isLeader reports whether a process is systemd as process 1 of its namespace,
// in its final root: what comes before has another program.
func isLeader(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	comm, err := os.ReadFile(filepath.Join(dir, "comm"))
	if err != nil || strings.TrimSpace(string(comm)) != "systemd" {
		return false
	}
	text, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(text)) {
		if ids, ok := strings.CutPrefix(line, "NSpid:"); ok {
			fields := strings.Fields(ids)
			return len(fields) > 2 && fields[len(fields)-1] == "1"
		}
	}
	return false
}
