package localproxy

import (
	"io"
	"math"
	"net"
	"os"
	"sync"
	"time"
)

// fakeLocal is a destination in memory, for tests in a synctest bubble.
type fakeLocal struct {
	mu     sync.Mutex
	cond   *sync.Cond
	room   int    // how much it takes before it is full
	down   []byte // what the proxy wrote and the destination has not read
	up     []byte // what the destination wrote and the proxy has not read
	ended  bool   // the destination has closed
	failed error  // what writing to it returns
	ending bool   // the proxy has closed its writing side
	closed bool   // by the proxy

	readBy, writeBy time.Time
}

func newFakeLocal(room int) *fakeLocal {
	f := &fakeLocal{room: room}
	f.cond = sync.NewCond(&f.mu)
	return f
}

// The destination's side.

// take reads n bytes, fewer only at the end.
func (f *fakeLocal) take(n int) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	var got []byte
	for len(got) < n {
		for len(f.down) == 0 && !f.ending && !f.closed {
			f.cond.Wait()
		}
		if len(f.down) == 0 {
			break
		}
		k := min(n-len(got), len(f.down))
		got = append(got, f.down[:k]...)
		f.down = f.down[:copy(f.down, f.down[k:])]
		f.cond.Broadcast()
	}
	return got
}

// takeSome reads what is there, at most n bytes; none at the end.
func (f *fakeLocal) takeSome(n int) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.down) == 0 && !f.ending && !f.closed {
		f.cond.Wait()
	}
	got := append([]byte(nil), f.down[:min(n, len(f.down))]...)
	f.down = f.down[:copy(f.down, f.down[len(got):])]
	f.cond.Broadcast()
	return got
}

// awaitClosed waits for the proxy to close.
func (f *fakeLocal) awaitClosed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.closed {
		f.cond.Wait()
	}
}

// takeAll reads to the end.
func (f *fakeLocal) takeAll() []byte { return f.take(math.MaxInt) }

// give writes p.
func (f *fakeLocal) give(p []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.up = append(f.up, p...)
	f.cond.Broadcast()
}

// end closes the destination.
func (f *fakeLocal) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ended = true
	f.cond.Broadcast()
}

// fail has further writes to the destination fail.
func (f *fakeLocal) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed = err
	f.cond.Broadcast()
}

func (f *fakeLocal) isClosed() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.closed
}

// unread is how much the proxy has not read.
func (f *fakeLocal) unread() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.up)
}

// The proxy's side: local.

func (f *fakeLocal) TryWrite(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if past(f.writeBy) { // as the runtime's sockets have it
		return 0, os.ErrDeadlineExceeded
	}
	return f.put(p)
}

func (f *fakeLocal) put(p []byte) (int, error) {
	if f.closed || f.ending {
		return 0, net.ErrClosed
	}
	if f.failed != nil {
		return 0, f.failed
	}
	n := min(len(p), f.room-len(f.down))
	f.down = append(f.down, p[:n]...)
	f.cond.Broadcast()
	return n, nil
}

func (f *fakeLocal) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	written := 0
	for {
		n, err := f.put(p[written:])
		written += n
		if err != nil || written == len(p) {
			return written, err
		}
		if past(f.writeBy) {
			return written, os.ErrDeadlineExceeded
		}
		f.cond.Wait()
	}
}

func past(deadline time.Time) bool { return !deadline.IsZero() && !time.Now().Before(deadline) }

// state is nil when there is something to read; the caller holds f.mu.
func (f *fakeLocal) state() error {
	switch {
	case f.closed:
		return net.ErrClosed
	case past(f.readBy):
		return os.ErrDeadlineExceeded
	case len(f.up) > 0:
		return nil
	case f.ended:
		return io.EOF
	}
	return errWouldBlock
}

func (f *fakeLocal) WaitRead() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for {
		switch err := f.state(); err {
		case errWouldBlock:
			f.cond.Wait()
		case nil, io.EOF:
			return nil
		default:
			return err
		}
	}
}

func (f *fakeLocal) TryRead(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.state(); err != nil {
		return 0, err
	}
	n := copy(p, f.up)
	f.up = f.up[n:]
	return n, nil
}

func (f *fakeLocal) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.state() == errWouldBlock {
		f.cond.Wait()
	}
	if err := f.state(); err != nil {
		return 0, err
	}
	n := copy(p, f.up)
	f.up = f.up[n:]
	return n, nil
}

func (f *fakeLocal) CloseWrite() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ending = true
	f.cond.Broadcast()
	return nil
}

func (f *fakeLocal) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	f.cond.Broadcast()
	return nil
}

func (f *fakeLocal) SetReadDeadline(t time.Time) error {
	f.setDeadline(&f.readBy, t)
	return nil
}

func (f *fakeLocal) SetWriteDeadline(t time.Time) error {
	f.setDeadline(&f.writeBy, t)
	return nil
}

func (f *fakeLocal) setDeadline(field *time.Time, t time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	*field = t
	f.cond.Broadcast()
	if !t.IsZero() {
		time.AfterFunc(max(0, time.Until(t)), func() {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.cond.Broadcast()
		})
	}
}
