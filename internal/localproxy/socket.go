package localproxy

import (
	"fmt"
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// localUnsent bounds what the kernel keeps for a destination that reads
// slowly, in bytes: without it a TCP socket takes megabytes and then nothing
// for seconds, and a slow reader cannot be told from a stuck one.
const localUnsent = 128 << 10

// streamConn is what TCP and unix sockets have in common.
type streamConn interface {
	net.Conn
	CloseWrite() error
	SyscallConn() (syscall.RawConn, error)
}

// socket is a local on the kernel's sockets. Its callbacks are made once: a
// closure for each call would be an allocation for each frame. One goroutine
// may read while another writes.
type socket struct {
	streamConn
	raw              syscall.RawConn
	reading, writing transfer
	readable         func(fd uintptr) bool
	poll             [1]unix.PollFd
}

// transfer is one direction's callback with what goes in and out of it.
type transfer struct {
	call func(fd uintptr) bool
	p    []byte
	n    int
	err  error
}

// init wraps a read or write that does not wait.
func (t *transfer) init(call func(int, []byte) (int, error)) {
	t.call = func(fd uintptr) bool {
		for {
			t.n, t.err = call(int(fd), t.p)
			if t.err != unix.EINTR {
				return true
			}
		}
	}
}

func newSocket(conn net.Conn) (*socket, error) {
	stream, ok := conn.(streamConn)
	if !ok {
		conn.Close()
		return nil, fmt.Errorf("a %T is no socket", conn)
	}
	raw, err := stream.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	s := &socket{streamConn: stream, raw: raw}
	s.reading.init(unix.Read)
	s.writing.init(unix.Write)
	s.readable = s.pollReadable
	if _, tcp := conn.(*net.TCPConn); tcp {
		// Best effort, see localUnsent.
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, localUnsent)
		})
	}
	return s, nil
}

// pollReadable reports whether a read would return at once. Only when the
// kernel has said no does the runtime wait for the next event.
func (s *socket) pollReadable(fd uintptr) bool {
	s.poll[0] = unix.PollFd{Fd: int32(fd), Events: unix.POLLIN | unix.POLLRDHUP}
	for {
		n, err := unix.Poll(s.poll[:], 0)
		if err != unix.EINTR {
			return n > 0 || err != nil
		}
	}
}

// WaitRead implements local.
func (s *socket) WaitRead() error { return s.raw.Read(s.readable) }

// TryRead implements local.
func (s *socket) TryRead(p []byte) (int, error) {
	r := &s.reading
	r.p = p
	err := s.raw.Read(r.call)
	r.p = nil
	switch {
	case err != nil:
		return 0, err
	case r.err == unix.EAGAIN:
		return 0, errWouldBlock
	case r.err != nil:
		return 0, r.err
	case r.n == 0:
		return 0, io.EOF
	}
	return r.n, nil
}

// TryWrite implements local.
func (s *socket) TryWrite(p []byte) (int, error) {
	w := &s.writing
	w.p = p
	err := s.raw.Write(w.call)
	w.p = nil
	switch {
	case err != nil:
		return 0, err
	case w.err == unix.EAGAIN:
		return 0, nil
	case w.err != nil:
		return 0, w.err
	}
	return w.n, nil
}
