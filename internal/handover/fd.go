package handover

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// None stands for a descriptor that is not there.
const None = -1

// Dup returns a duplicate of what c holds, close-on-exec. c goes on as it is:
// its own Fd method would make the shared file description blocking.
func Dup(c syscall.Conn) (int, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return None, fmt.Errorf("duplicating a descriptor: %w", err)
	}
	dup, dupErr := None, error(nil)
	err = raw.Control(func(fd uintptr) { dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, firstFree) })
	if err == nil {
		err = dupErr
	}
	if err != nil {
		return None, fmt.Errorf("duplicating a descriptor: %w", err)
	}
	return dup, nil
}

// firstFree keeps duplicates off the standard descriptors, should one be closed.
const firstFree = 3

// Open makes a file of a descriptor that Dup returned, here or in the image
// before. It must be of a kind that can be polled, so that deadlines work.
func Open(fd int, name string) (*os.File, error) {
	if fd < firstFree {
		return nil, fmt.Errorf("taking over the %s: no descriptor", name)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("taking over the %s: %w", name, err)
	}
	f := os.NewFile(uintptr(fd), name)
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return nil, fmt.Errorf("taking over the %s: %w", name, err)
	}
	return f, nil
}

// Close closes descriptors that nobody took over. None is skipped.
func Close(fds ...int) {
	for _, fd := range fds {
		if fd >= firstFree {
			_ = unix.Close(fd)
		}
	}
}

// keep clears close-on-exec, or sets it again.
func keep(fds []int, on bool) error {
	flags := unix.FD_CLOEXEC
	if on {
		flags = 0
	}
	for _, fd := range fds {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags); err != nil {
			return fmt.Errorf("keeping descriptor %d: %w", fd, err)
		}
	}
	return nil
}

// inherited returns the descriptors that came over with execve: a fresh image
// itself opens none without close-on-exec.
func inherited() ([]int, error) {
	entries, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		return nil, fmt.Errorf("listing descriptors: %w", err)
	}
	var fds []int
	for _, e := range entries {
		fd, err := strconv.Atoi(e[strings.LastIndexByte(e, '/')+1:])
		if err != nil || fd < firstFree {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			fds = append(fds, fd)
		}
	}
	return fds, nil
}
