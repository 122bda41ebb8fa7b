package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// pollEvery paces every wait for something to be so.
const pollEvery = 20 * time.Millisecond

// outputGrace bounds the wait for a program's output after it was killed:
// what it has started may hold the pipe open.
const outputGrace = time.Second

// Result is what a program did: its output, standard output and standard error
// as they came, and its exit code.
type Result struct {
	Output string
	Code   int
}

// Run runs a program in the machine as root and waits for it. In a machine that
// is off it runs in a chroot of its disk, without network or services of its
// own. The error is not nil only if the program did not run or did not end:
// an exit code is an answer.
func (m *Machine) Run(ctx context.Context, argv ...string) (Result, error) {
	return m.RunInput(ctx, nil, argv...)
}

// RunInput is Run with a standard input.
func (m *Machine) RunInput(ctx context.Context, stdin io.Reader, argv ...string) (Result, error) {
	cmd, start, err := m.command(ctx, argv)
	if err != nil {
		return Result{}, fmt.Errorf("running %s in the machine: %w", strings.Join(argv, " "), err)
	}
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &out, &out
	cmd.WaitDelay = outputGrace
	if err = start(cmd.Start); err == nil {
		err = cmd.Wait()
	}
	result := Result{Output: out.String()}
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() && ctx.Err() == nil {
		result.Code, err = exit.ExitCode(), nil
	}
	if err != nil {
		err = fmt.Errorf("running %s in the machine: %w: %s", strings.Join(argv, " "), err, strings.TrimSpace(result.Output))
	}
	return result, err
}

// command prepares a program and says by way of what it is to be started.
func (m *Machine) command(ctx context.Context, argv []string) (*exec.Cmd, func(func() error) error, error) {
	leader, err := m.leader()
	if err != nil {
		return nil, nil, err
	}
	// Nothing of the host's environment: not its proxies, not its locale, and no
	// pager or colours, since output is compared.
	env := []string{
		"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root",
		"LC_ALL=C.UTF-8", "TERM=dumb", "NO_COLOR=1", "SYSTEMD_PAGER=", "DEBIAN_FRONTEND=noninteractive",
	}
	// From outside, by the namespaces of process 1: machinectl would want a
	// systemd on the host.
	if leader != 0 {
		args := []string{
			"--target", strconv.Itoa(leader), "--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup",
			"--root", "--wd", "--",
		}
		cmd := exec.CommandContext(ctx, "nsenter", append(append(args, env...), argv...)...)
		return cmd, func(fn func() error) error { return fn() }, nil
	}
	cmd := m.node.Command(ctx, "chroot", append(append([]string{m.root()}, env...), argv...)...)
	return cmd, m.node.Do, nil
}

// Shell runs a shell script in the machine, as Run does.
func (m *Machine) Shell(ctx context.Context, script string) (Result, error) {
	return m.Run(ctx, "sh", "-c", script)
}

// Check is Run for programs that must succeed: another exit code than 0 is an
// error too. It returns the output without surrounding white space.
func (m *Machine) Check(ctx context.Context, argv ...string) (string, error) {
	r, err := m.Run(ctx, argv...)
	if err == nil && r.Code != 0 {
		err = fmt.Errorf("%s in the machine: exit code %d: %s", strings.Join(argv, " "), r.Code, strings.TrimSpace(r.Output))
	}
	return strings.TrimSpace(r.Output), err
}

// check runs a program of the host.
func check(ctx context.Context, name string, args ...string) error {
	if out, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("running %s: %w: %s", name, err, out)
	}
	return nil
}
