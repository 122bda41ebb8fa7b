package localproxy

import (
	"context"
	"io"
	"net"
	"testing"
)

// sink is a link whose service takes everything.
func sink() *link {
	return &link{conn: nullConn{}, joined: &coalescer{Conn: nullConn{}}, reader: newWSReader(eof{})}
}

type nullConn struct{ net.Conn }

func (nullConn) Write(p []byte) (int, error) { return len(p), nil }

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// pair returns a connection of the proxy to a destination and the
// destination's own end of it, over TCP.
func pair(t testing.TB) (*socket, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	near, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	far, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	s, err := newSocket(near)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		far.Close()
	})
	return s, far
}

// openConnection is a session with one connection open to dest.
func openConnection(t testing.TB, dest local) (*session, *connection) {
	t.Helper()
	d, err := ParseDestinations("SSH=22")
	if err != nil {
		t.Fatal(err)
	}
	cfg := &Config{Endpoint: "x:1", AccessToken: "t", Destinations: d}
	if err := cfg.complete(); err != nil {
		t.Fatal(err)
	}
	l := sink()
	l.conn, l.accepted = l.joined, upgraded{subprotocol: subprotocols[0]}
	s := newSession(cfg, l, newLocals(10), &meter{events: cfg.Events})
	opened := make(chan struct{})
	s.dial = func(context.Context, Destination) (local, error) {
		close(opened)
		return dest, nil
	}
	start := startOf(1, 1)
	s.start(&start)
	<-opened
	c := s.streams["SSH"].connections[1]
	for {
		c.mu.Lock()
		ready := c.local != nil
		c.mu.Unlock()
		if ready {
			return s, c
		}
	}
}

// Nothing is allocated for a frame, in either direction.
func TestNoAllocationPerFrame(t *testing.T) {
	near, far := pair(t)
	s, c := openConnection(t, near)
	payload := make([]byte, 16<<10)
	buf := make([]byte, 64<<10)
	stream := dataOf(1, 1, payload).encode()
	p := newParser()
	var m message
	down := testing.AllocsPerRun(200, func() {
		p.filled(copy(p.space(), stream))
		if ok, err := p.next(&m); !ok || err != nil {
			t.Fatal(ok, err)
		}
		if err := s.handle(&m); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(far, buf[:len(payload)]); err != nil {
			t.Fatal(err)
		}
	})
	// The connection's own goroutine waits for its turn, which is given here.
	u := s.out
	up := testing.AllocsPerRun(200, func() {
		if _, err := far.Write(payload); err != nil {
			t.Fatal(err)
		}
		<-u.ready
		if err := c.forward(u); err != nil {
			t.Fatal(err)
		}
	})
	if down != 0 || up != 0 {
		t.Errorf("%.1f allocations for a frame down, %.1f up, want none", down, up)
	}
}

// A slow reader's frames take chunks from the pool.
func TestNoAllocationPerQueuedFrame(t *testing.T) {
	dest := newFakeLocal(0)
	s, _ := openConnection(t, dest)
	m := dataOf(1, 1, make([]byte, 8<<10))
	q := queue{pool: &s.locals.chunks}
	got := testing.AllocsPerRun(200, func() {
		for range 4 {
			q.push(m.payload, 1<<20)
		}
		q.clear()
	})
	if got != 0 {
		t.Errorf("%.1f allocations for four queued frames, want none", got)
	}
}
