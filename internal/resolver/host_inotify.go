package resolver

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// dirWatcher tells when something changes in the directories of some files. A
// directory that is not there yet is waited for in the nearest one that is.
type dirWatcher struct {
	file    *os.File
	changes chan struct{} // at most one, for any number of changes
}

func newDirWatcher() (*dirWatcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watching resolv.conf: %w", err)
	}
	w := &dirWatcher{file: os.NewFile(uintptr(fd), "inotify"), changes: make(chan struct{}, 1)}
	go w.read()
	return w, nil
}

// read turns events into one wake-up. What they say does not matter: whoever is
// woken looks for himself.
func (w *dirWatcher) read() {
	buf := make([]byte, 4096)
	for {
		if _, err := w.file.Read(buf); err != nil {
			return // closed
		}
		select {
		case w.changes <- struct{}{}:
		default:
		}
	}
}

// follow watches the directories of paths. Those that are watched already stay
// so. Call it again after each change: directories come and go.
func (w *dirWatcher) follow(paths []string) error {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return fmt.Errorf("watching resolv.conf: %w", err)
	}
	for _, path := range paths {
		ctlErr := raw.Control(func(fd uintptr) { err = watchNearest(int(fd), filepath.Dir(path)) })
		if err = errors.Join(ctlErr, err); err != nil {
			return fmt.Errorf("watching the directory of %s: %w", path, err)
		}
	}
	return nil
}

// watchNearest watches dir, or the nearest directory above it that exists.
func watchNearest(fd int, dir string) error {
	const events = unix.IN_CREATE | unix.IN_CLOSE_WRITE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	for {
		_, err := unix.InotifyAddWatch(fd, dir, events)
		if err == nil || dir == filepath.Dir(dir) || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			return err
		}
		dir = filepath.Dir(dir)
	}
}

func (w *dirWatcher) close() { _ = w.file.Close() }
