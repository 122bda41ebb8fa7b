package vpn

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// endLeftover ends every process whose command line names our management
// socket: the OpenVPN of an agent that was killed. /proc is asked, not the pid
// file: it cannot be stale, and misses none that was started just before the end.
func endLeftover(socket string) error {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return fmt.Errorf("looking for a left-over OpenVPN: %w", err)
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || !isLeftover(dir, socket) {
			continue
		}
		if err := end(pid); err != nil {
			return fmt.Errorf("ending a left-over OpenVPN (pid %d): %w", pid, err)
		}
	}
	return nil
}

// isLeftover reports whether the process in dir manages itself at socket and
// lives in this process's network: another container may use the same path.
func isLeftover(dir, socket string) bool {
	cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if err != nil {
		return false
	}
	args := strings.Split(string(cmdline), "\x00")
	i := slices.Index(args, "--management")
	if i < 0 || i+1 >= len(args) || args[i+1] != socket {
		return false
	}
	theirs, err := os.Readlink(filepath.Join(dir, "ns/net"))
	if err != nil {
		return false
	}
	// Of this thread: /proc/self is the first one's, which may have been taken elsewhere.
	ours, err := os.Readlink("/proc/thread-self/ns/net")
	return err == nil && theirs == ours
}

// end asks the process to end, insists, and waits until it is gone.
func end(pid int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == unix.ESRCH {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, step := range []struct {
		signal unix.Signal
		wait   time.Duration
	}{{unix.SIGTERM, endLimit}, {unix.SIGKILL, killLimit}} {
		if err := unix.PidfdSendSignal(fd, step.signal, nil, 0); err == unix.ESRCH {
			return nil
		} else if err != nil {
			return err
		}
		if ended(fd, step.wait) {
			return nil
		}
	}
	return fmt.Errorf("it does not end")
}

// ended waits for the end of the process behind a pidfd, at most limit.
func ended(fd int, limit time.Duration) bool {
	deadline := time.Now().Add(limit)
	for {
		left := max(time.Until(deadline), 0)
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(left.Milliseconds()))
		if err != unix.EINTR {
			return n > 0
		}
	}
}
