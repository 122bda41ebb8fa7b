package tunnel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file alone decides how a proxy process hangs on this one: it is a child
// that gets SIGTERM when its parent dies (PR_SET_PDEATHSIG), and it is in a
// process group of its own, which is ended as a whole.
//
// The kernel ties the death signal to the *thread* that forked, not to the
// process, and Go ends threads as it likes. So the child is started, and waited
// for, on a thread that nothing else uses and that lives as long as the child.
// A daemon that replaces its own image by execve loses all its other threads,
// and with them these children: whoever wants to keep tunnels across that must
// change this file (no death signal, the processes adopted by pid).

// exit is how a process ended.
type exit struct {
	err    error              // it could not be started; the rest is empty
	status syscall.WaitStatus // of the program itself
	lived  time.Duration
	said   string // its most telling line of output, without secrets
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

// superviseOnOwnThread starts cmd on a thread of its own, ends it when ctx does
// and returns when nothing of it is left.
func superviseOnOwnThread(ctx context.Context, cmd *exec.Cmd, builtin bool, started func()) (x exit) {
	onOwnThread(func() {
		shedPrivileges(builtin)
		begun := time.Now()
		err := cmd.Start()
		started()
		if err != nil {
			x.err = fmt.Errorf("starting the proxy: %w", err)
			return
		}
		waitFor(ctx, cmd)
		x.lived = time.Since(begun)
		x.status, _ = cmd.ProcessState.Sys().(syscall.WaitStatus)
	})
	return x
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
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}

// waitFor waits until the program has ended, ending its group when ctx does,
// clears away what it left behind and reaps it.
func waitFor(ctx context.Context, cmd *exec.Cmd) {
	pid := cmd.Process.Pid
	gone, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		endGroup(ctx, pid, gone)
	}()
	// Not reaped yet: until it is, neither its pid nor its group's number can
	// belong to anybody else, so the signals hit nobody else.
	waitUnreaped(pid)
	close(gone)
	<-stopped
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = cmd.Wait() // the status is in cmd.ProcessState, the error only repeats it
}

// endGroup asks the group to end when ctx does, and then insists.
func endGroup(ctx context.Context, pid int, gone <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-gone:
		return
	}
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	timer := time.NewTimer(termGrace)
	defer timer.Stop()
	select {
	case <-timer.C:
		_ = syscall.Kill(-pid, syscall.SIGKILL)
	case <-gone:
	}
}

// waitUnreaped returns when the process is a zombie.
func waitUnreaped(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			return
		}
	}
}
