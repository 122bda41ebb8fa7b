package localproxy

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Harden gives up what a proxy does not need, as far as the kernel lets it;
// what could not be done is returned for the log. It closes every file
// descriptor but keep and the standard ones, forbids new privileges by exec,
// keeps other processes of the same user from reading this one's memory and
// environment, and drops every capability but CAP_NET_RAW if bindDevice (older
// kernels want it for SO_BINDTODEVICE). To be called first of all.
func Harden(keep []int, bindDevice bool) (failed []error) {
	steps := []struct {
		what string
		do   func() error
	}{
		{"closing inherited files", func() error { return closeOthers(keep) }},
		{"forbidding new privileges", noNewPrivileges},
		{"hiding the process", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }},
		{"dropping capabilities", func() error { return dropCapabilities(bindDevice) }},
	}
	for _, s := range steps {
		if err := s.do(); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", s.what, err))
		}
	}
	return failed
}

// closeOthers leaves alone what belongs to Go's runtime.
func closeOthers(keep []int) error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range entries {
		fd, err := strconv.Atoi(e.Name())
		if err != nil || fd <= 2 || slices.Contains(keep, fd) {
			continue
		}
		target, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err != nil || strings.HasPrefix(target, "anon_inode:[event") {
			continue // gone already, or the runtime's poller
		}
		_ = unix.Close(fd)
	}
	return nil
}

// noNewPrivileges and dropCapabilities act on all threads: the kernel keeps
// both for each thread.
func noNewPrivileges() error {
	return onAllThreads(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
}

func dropCapabilities(bindDevice bool) error {
	if err := onAllThreads(unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0); err != nil {
		return err
	}
	// Clearing the ambient set alone would leave what this process itself has.
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var have, want [2]unix.CapUserData
	if err := unix.Capget(&header, &have[0]); err != nil {
		return err
	}
	if bindDevice {
		want[0].Permitted = have[0].Permitted & (1 << unix.CAP_NET_RAW)
		want[0].Effective = have[0].Effective & (1 << unix.CAP_NET_RAW)
	}
	return onAllThreads(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&want[0])), 0)
}

// onAllThreads fails with ENOTSUP in a program that uses cgo.
func onAllThreads(trap, a1, a2, a3 uintptr) error {
	if _, _, errno := syscall.AllThreadsSyscall6(trap, a1, a2, a3, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
