package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// namespace is one kind of Linux namespace: its name under /proc/PID/ns and its
// clone flag.
type namespace struct {
	name string
	flag int
}

var (
	nsNet = namespace{"net", unix.CLONE_NEWNET}
	nsMnt = namespace{"mnt", unix.CLONE_NEWNS}
	nsPID = namespace{"pid", unix.CLONE_NEWPID} // for children only
	nsUTS = namespace{"uts", unix.CLONE_NEWUTS}
)

// onThread runs fn on an operating system thread that is thrown away
// afterwards, so that whatever fn does to the thread's namespaces ends with it.
func onThread(fn func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return // still locked: the thread ends with the goroutine
		}
		// Go parks its main thread instead of ending it, which would keep the
		// namespaces alive. While it is held here, fn must land on another.
		onThread(fn)
		runtime.UnlockOSThread()
	}()
	<-done
}

// namespaces holds open descriptors of a process's namespaces.
type namespaces map[namespace]*os.File

func openNamespaces(pid int, kinds ...namespace) (namespaces, error) {
	set := namespaces{}
	for _, kind := range kinds {
		f, err := os.Open(filepath.Join("/proc", strconv.Itoa(pid), "ns", kind.name))
		if err != nil {
			set.close()
			return nil, fmt.Errorf("opening a namespace: %w", err)
		}
		set[kind] = f
	}
	return set, nil
}

func (set namespaces) close() {
	for _, f := range set {
		f.Close()
	}
}

// enter moves the calling thread, which must belong to onThread, into the
// namespaces of the given kinds.
func (set namespaces) enter(kinds ...namespace) error {
	// A mount namespace cannot be entered while other threads share this one's
	// root and working directory.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("leaving the shared file system state: %w", err)
	}
	for _, kind := range kinds {
		if err := unix.Setns(int(set[kind].Fd()), kind.flag); err != nil {
			return fmt.Errorf("entering the %s namespace: %w", kind.name, err)
		}
	}
	return nil
}
