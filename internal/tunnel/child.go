package tunnel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/handover"
)

// This file alone decides how a proxy process hangs on this one: it is a child
// in a process group of its own, which is ended as a whole.
//
// It has no death signal (PR_SET_PDEATHSIG): the kernel ties that to the thread
// that forked, and a daemon that replaces its own image by execve loses all its
// other threads. The built-in proxy ends when nobody reads its events any more,
// which holds for any end of the daemon; an external one that a killed daemon
// left is found by its environment and ended at the next start (leftover.go).

// exit is how a process ended.
type exit struct {
	err    error              // it could not be started; the rest is empty
	status syscall.WaitStatus // of the program itself
	lived  time.Duration
	said   string     // its most telling line of output, without secrets
	left   *proxyHeir // it has not ended: it is left to the next run or image
}

// String says it as a shell user would.
func (x exit) String() string {
	switch {
	case x.err != nil:
		return x.err.Error()
	case x.status.Signaled():
		return fmt.Sprintf("killed by signal %d (%s)", x.status.Signal(), x.status.Signal())
	}
	return fmt.Sprintf("exited with status %d", x.status.ExitStatus())
}

// errLeft ends a session's supervision, not its process.
var errLeft = errors.New("left to the agent that takes over")

// startOnOwnThread starts cmd on a thread that sheds privileges for it and then
// ends: nothing else may inherit that.
func startOnOwnThread(cmd *exec.Cmd, builtin bool) (p *handover.Process, err error) {
	onOwnThread(func() {
		shedPrivileges(builtin)
		p, err = handover.Start(cmd)
	})
	return p, err
}

// onOwnThread runs f on a thread that ends with it. The process's first thread
// cannot end, so it is held back while another one is taken.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() == os.Getpid() {
			onOwnThread(f)
			runtime.UnlockOSThread()
			return
		}
		f()
	}()
	<-done
}

// lastCapability is the highest number that the kernel's 64-bit sets can hold.
const lastCapability = uintptr(63)

// shedPrivileges takes from this thread, and so from the child, the ambient
// capabilities that the daemon needs and a proxy does not. The built-in one
// keeps CAP_NET_RAW: before Linux 5.7 binding to a device needs it.
func shedPrivileges(builtin bool) {
	for c := range lastCapability + 1 {
		if builtin && c == unix.CAP_NET_RAW {
			continue
		}
		// Fails for what the kernel does not know, which nobody can have.
		_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_LOWER, c, 0, 0)
	}
	_ = unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
	// Go opens everything close-on-exec. What this process got from whoever
	// started it may not be; kernels before 5.11 leave it so.
	_ = unix.CloseRange(3, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
}

// attributes are how a proxy process is set apart.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// supervise waits until the program has ended, ending its group when ctx does,
// clears away what it left behind and reaps it. It is false if ctx asked for the
// process to be left alone instead.
func supervise(ctx context.Context, p *handover.Process) (status syscall.WaitStatus, ended bool) {
	if p.Wait(ctx) != nil {
		if context.Cause(ctx) == errLeft {
			return 0, false
		}
		endGroup(p)
	}
	// Not reaped yet: until it is, neither its pid nor its group's number can
	// belong to anybody else, so the signals hit nobody else.
	_ = syscall.Kill(-p.PID, syscall.SIGKILL)
	return p.Reap(), true
}

// endGroup asks the group to end, and then insists.
func endGroup(p *handover.Process) {
	_ = syscall.Kill(-p.PID, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), termGrace)
	defer cancel()
	_ = p.Wait(ctx) // or else the caller kills it
}
