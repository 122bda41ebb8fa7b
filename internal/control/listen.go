package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Modes of what Listen makes. The socket is open to everyone, because the status
// is: who asks for more is judged by the credentials that the kernel vouches for.
const (
	directoryMode = 0o755
	socketMode    = 0o666
	lockMode      = 0o600
)

// maxPathBytes is the kernel's limit for a socket's path, its zero byte left out
// (unix(7), sun_path).
const maxPathBytes = 107

// dialTimeout is how long a daemon that may be alive has to accept.
const dialTimeout = time.Second

// lockPatience is how long the lock is waited for. A daemon that is killed between
// fork and exec of a program leaves it for a moment to that child, which is not yet
// another program; lockEvery paces the tries.
const (
	lockPatience = time.Second
	lockEvery    = 10 * time.Millisecond
)

// Listen opens the control socket at path. A lock beside it keeps two daemons
// apart that start at the same moment; a socket that a killed daemon left behind
// is replaced. The error wraps ErrRunning if a daemon is alive. Close the
// listener to give up both.
func Listen(path string) (*Listener, error) {
	if len(path) > maxPathBytes {
		return nil, fmt.Errorf("listening on %s: the path has %d bytes, the kernel takes at most %d", path, len(path), maxPathBytes)
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, directoryMode); err != nil {
		return nil, fmt.Errorf("making the runtime directory: %w", err)
	}
	lock, err := takeLock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	l, err := listen(path)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Listener{l, lock}, nil
}

// Listener is the control socket. It holds the lock for as long as it listens.
type Listener struct {
	*net.UnixListener
	lock *os.File
}

// Close removes the socket before it lets go of the lock, so that it cannot
// remove the socket of the next daemon.
func (l *Listener) Close() error {
	return errors.Join(l.UnixListener.Close(), l.lock.Close())
}

// takeLock takes the lock that the kernel drops when this process ends, however
// it ends. The file stays: removing it would let two daemons lock two files.
func takeLock(name string) (*os.File, error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, lockMode)
	if err != nil {
		return nil, fmt.Errorf("locking the runtime directory: %w", err)
	}
	begun := time.Now()
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Since(begun) > lockPatience {
			break
		}
		time.Sleep(lockEvery)
	}
	if err == nil {
		return f, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("%w: it holds %s", ErrRunning, name)
	}
	return nil, fmt.Errorf("locking %s: %w", name, err)
}

// listen replaces a stale socket and opens a new one.
func listen(path string) (*net.UnixListener, error) {
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	if err := os.Chmod(path, socketMode); err != nil {
		l.Close()
		return nil, fmt.Errorf("opening the control socket: %w", err)
	}
	return l, nil
}

// removeStale removes the socket of a daemon that is gone: one that refuses a
// connection. Whatever answers, or is no socket, is left alone.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("looking for an old control socket: %w", err)
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is in the way: not a socket, remove it by hand", path)
	}
	conn, err := net.DialTimeout("unix", path, dialTimeout)
	if err == nil {
		defer conn.Close()
		return fmt.Errorf("%w: %s answers on %s", ErrRunning, owner(conn), path)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		return fmt.Errorf("%w, or its socket cannot be tried: %w", ErrRunning, err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing an old control socket: %w", err)
	}
	return nil
}

// owner names the process at the other end of conn.
func owner(conn net.Conn) string {
	p, err := peerOf(conn)
	if err != nil {
		return "a process"
	}
	return fmt.Sprintf("process %d", p.pid)
}
