package tunnel

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// endLeftovers ends the external proxies of an agent that was killed, and
// returns how many there were. They are known by the owner in the environment
// that they were started with; /proc is asked, and not a file of pids, because
// that can be stale. The built-in proxy ends by itself. Processes in another
// network belong to another container with the same directories.
func endLeftovers(owner string) (ended int) {
	if owner == "" {
		return 0
	}
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0
	}
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err == nil && isLeftover(dir, owner) && endStranger(pid) {
			ended++
		}
	}
	return ended
}

// isLeftover reports whether the process in dir is an external proxy of owner
// whose agent is gone. Those of other users cannot be read, and are not ours.
func isLeftover(dir, owner string) bool {
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil || !bytes.Contains(append([]byte{0}, environ...), []byte("\x00"+envOwner+"="+owner+"\x00")) {
		return false
	}
	theirs, err := os.Readlink(filepath.Join(dir, "ns/net"))
	if err != nil {
		return false
	}
	ours, err := os.Readlink("/proc/thread-self/ns/net")
	return err == nil && theirs == ours && !isChild(dir)
}

// isChild is true of this process's own: they were taken over.
func isChild(dir string) bool {
	status, _ := os.ReadFile(filepath.Join(dir, "status"))
	return strings.Contains(string(status), "\nPPid:\t"+strconv.Itoa(os.Getpid())+"\n")
}

// endStranger ends a process that is no child, and with it the group that it
// leads. It is false if there was none any more.
func endStranger(pid int) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	if unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0) != nil {
		return false
	}
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	ctx, cancel := context.WithTimeout(context.Background(), termGrace)
	defer cancel()
	for !hasEnded(fd) {
		if !sleep(ctx, leftoverPoll) {
			_ = syscall.Kill(-pid, syscall.SIGKILL)
			return unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0) == nil
		}
	}
	return true
}

// leftoverPoll is how often a process that was asked to end is looked at.
const leftoverPoll = 10 * time.Millisecond

// hasEnded is true of the pidfd of a process that is gone, or a zombie.
func hasEnded(fd int) bool {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
	return err == nil && n > 0
}
