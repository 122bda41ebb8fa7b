package main

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// fileEvents are what can make a file readable, another, or gone (inotify(7)).
const fileEvents = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
	unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_ONLYDIR

// fileWatch tells of changes to files, and to the directories on their way: of
// a directory that does not exist yet, too.
type fileWatch struct {
	log    *slog.Logger
	events *os.File // nil if the kernel has no more of them
	c      chan struct{}

	mu    sync.Mutex
	names map[int32]map[string]bool // of interest, by the watch of their directory
}

// watchFiles watches nothing until Watch. Without inotify it says so and stays
// silent: the files are looked at now and then all the same.
func watchFiles(log *slog.Logger) *fileWatch {
	w := &fileWatch{log: log, c: make(chan struct{}, 1), names: map[int32]map[string]bool{}}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		log.Warn("files are looked at each minute only: there is no inotify", "err", err)
		return w
	}
	w.events = os.NewFile(uintptr(fd), "inotify")
	go w.read()
	return w
}

// Changes implements standby.
func (w *fileWatch) Changes() <-chan struct{} { return w.c }

// Close ends the watch.
func (w *fileWatch) Close() {
	if w.events != nil {
		w.events.Close()
	}
}

// Watch implements standby. What was watched before stays so: it is little, and a
// change of it only costs a look.
func (w *fileWatch) Watch(files []string) {
	if w.events == nil {
		return
	}
	for _, file := range files {
		absolute, err := filepath.Abs(file)
		if err != nil {
			continue
		}
		w.way(absolute)
		// What a symbolic link leads to changes elsewhere.
		if target, err := filepath.EvalSymlinks(absolute); err == nil && target != absolute {
			w.way(target)
		}
	}
}

// way watches each directory that leads to a file for the name that comes next.
// One that may not be watched has its mode changed in the one above it.
func (w *fileWatch) way(file string) {
	for dir, name := filepath.Split(file); ; dir, name = filepath.Split(strings.TrimSuffix(dir, "/")) {
		w.add(filepath.Clean(dir), name)
		if dir == "/" {
			return
		}
	}
}

func (w *fileWatch) add(dir, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	raw, err := w.events.SyscallConn()
	if err != nil {
		return
	}
	var id int
	if control := raw.Control(func(fd uintptr) { id, err = unix.InotifyAddWatch(int(fd), dir, fileEvents) }); control != nil || err != nil {
		return // it does not exist, or may not be read
	}
	if w.names[int32(id)] == nil {
		w.names[int32(id)] = map[string]bool{}
	}
	w.names[int32(id)][name] = true
}

// maxEvents bounds one read; an event has 16 bytes and a name of up to 255.
const maxEvents = 16 << 10

// read announces what happens until the watch is closed.
func (w *fileWatch) read() {
	buf := make([]byte, maxEvents)
	for {
		n, err := w.events.Read(buf)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				w.log.Warn("files are looked at each minute only: watching them failed", "err", err)
			}
			return
		}
		if w.concerns(buf[:n]) {
			select {
			case w.c <- struct{}{}:
			default:
			}
		}
	}
}

// concerns reports whether one of the events is about a file of interest. Events
// of the directory itself have no name; an overflow has no directory.
func (w *fileWatch) concerns(buf []byte) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(buf) >= unix.SizeofInotifyEvent {
		event := (*unix.InotifyEvent)(unsafe.Pointer(&buf[0]))
		end := unix.SizeofInotifyEvent + int(event.Len)
		if end > len(buf) {
			return true
		}
		name := strings.TrimRight(string(buf[unix.SizeofInotifyEvent:end]), "\x00")
		if name == "" || w.names[event.Wd][name] {
			return true
		}
		buf = buf[end:]
	}
	return false
}
