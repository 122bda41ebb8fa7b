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

// namespaces holds open descriptors of a process's namespaces and of its root
// directory.
type namespaces struct {
	root  *os.File
	files map[namespace]*os.File
}

func openNamespaces(pid int, kinds ...namespace) (set namespaces, err error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	set.files = map[namespace]*os.File{}
	if set.root, err = os.OpenFile(filepath.Join(dir, "root"), unix.O_PATH|unix.O_DIRECTORY, 0); err != nil {
		return set, fmt.Errorf("opening a root directory: %w", err)
	}
	for _, kind := range kinds {
		f, err := os.Open(filepath.Join(dir, "ns", kind.name))
		if err != nil {
			set.close()
			return namespaces{}, fmt.Errorf("opening a namespace: %w", err)
		}
		set.files[kind] = f
	}
	return set, nil
}

func (set namespaces) close() {
	set.root.Close()
	for _, f := range set.files {
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
		if err := unix.Setns(int(set.files[kind].Fd()), kind.flag); err != nil {
			return fmt.Errorf("entering the %s namespace: %w", kind.name, err)
		}
		if kind == nsMnt {
			if err := set.enterRoot(); err != nil {
				return fmt.Errorf("entering the root directory: %w", err)
			}
		}
	}
	return nil
}

// enterRoot makes the process's root this thread's. In a chroot it is another one
// than the mount namespace's, into which setns(2) leads: there, /etc is the host's.
func (set namespaces) enterRoot() error {
	if err := unix.Fchdir(int(set.root.Fd())); err != nil {
		return err
	}
	return unix.Chroot(".")
}
