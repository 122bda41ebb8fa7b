package handover

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a child of this process that was not reaped yet, so that its pid
// cannot belong to anybody else. It does not matter which image started it.
type Process struct {
	PID     int
	Started uint64   // in clock ticks since the boot, see proc(5), starttime
	fd      *os.File // a pidfd
}

// Start starts cmd, whose streams must be files: nothing copies them.
func Start(cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	pid := cmd.Process.Pid
	p, err := watch(pid)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	// Whoever calls Reap waits for it, which os.Process cannot know of.
	_ = cmd.Process.Release()
	return p, nil
}

// errStranger is why a process is not taken over.
var errStranger = errors.New("it is no child of this process, or another one of that number")

// Adopt returns the child that Start or Adopt knew by this pid and start time,
// here or in the image before. It may have ended meanwhile.
func Adopt(pid int, started uint64) (*Process, error) {
	p, err := watch(pid)
	if err != nil {
		return nil, err
	}
	if p.Started != started {
		p.Close()
		return nil, fmt.Errorf("taking over process %d: %w", pid, errStranger)
	}
	return p, nil
}

// watch opens a pidfd for a child.
func watch(pid int) (*Process, error) {
	parent, started, err := stat(pid)
	if err == nil && parent != os.Getpid() {
		err = errStranger
	}
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	f, err := Open(fd, "pidfd")
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watching process %d: %w", pid, err)
	}
	return &Process{PID: pid, Started: started, fd: f}, nil
}

// stat reads the parent and the start time of a process (proc(5), stat). The
// name may hold anything, blanks and brackets too.
func stat(pid int) (parent int, started uint64, err error) {
	data, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, err
	}
	return parseStat(string(data))
}

// parseStat takes fields 4 (ppid) and 22 (starttime).
func parseStat(text string) (parent int, started uint64, err error) {
	const afterName = 3 // the field that follows the name's closing bracket
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if len(fields) <= 22-afterName {
		return 0, 0, errors.New("a process's stat is too short")
	}
	parent, err = strconv.Atoi(fields[4-afterName])
	if err == nil {
		started, err = strconv.ParseUint(fields[22-afterName], 10, 64)
	}
	return parent, started, err
}

// Wait returns nil once the process has ended, which leaves a zombie for Reap,
// or ctx's error. One caller at a time.
func (p *Process) Wait(ctx context.Context) error {
	raw, err := p.fd.SyscallConn()
	if err == nil {
		err = p.fd.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return fmt.Errorf("waiting for process %d: %w", p.PID, err)
	}
	given := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(given)
		_ = p.fd.SetReadDeadline(time.Unix(1, 0))
	})
	err = raw.Read(func(fd uintptr) bool { return readable(int(fd)) })
	if !stop() {
		<-given
	}
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return fmt.Errorf("waiting for process %d: %w", p.PID, err)
}

// readable is true of the pidfd of a process that has ended.
func readable(fd int) bool {
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
		if err != unix.EINTR {
			return err == nil && n > 0
		}
	}
}

// Signal does nothing to a process that has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	raw, err := p.fd.SyscallConn()
	if err != nil {
		return fmt.Errorf("signalling process %d: %w", p.PID, err)
	}
	var sent error
	if err := raw.Control(func(fd uintptr) { sent = unix.PidfdSendSignal(int(fd), sig, nil, 0) }); err != nil {
		return fmt.Errorf("signalling process %d: %w", p.PID, err)
	}
	if sent != nil && sent != unix.ESRCH {
		return fmt.Errorf("signalling process %d: %w", p.PID, sent)
	}
	return nil
}

// Reap waits for the end and takes the zombie away; p is closed.
func (p *Process) Reap() (status syscall.WaitStatus) {
	defer p.Close()
	for {
		if _, err := syscall.Wait4(p.PID, &status, 0, nil); err != syscall.EINTR {
			return status
		}
	}
}

// End asks the process to end, insists after grace, and reaps it.
func (p *Process) End(grace time.Duration) syscall.WaitStatus {
	_ = p.Signal(syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if p.Wait(ctx) != nil {
		_ = p.Signal(syscall.SIGKILL)
	}
	return p.Reap()
}

// Close forgets the process, which goes on unwatched.
func (p *Process) Close() { p.fd.Close() }
