package control

import (
	"errors"
	"net"
	"testing"
	"testing/synctest"
)

// pipes is a listener to which a client is always just connecting.
type pipes struct{ closed chan struct{} }

func (p pipes) Accept() (net.Conn, error) {
	select {
	case <-p.closed:
		return nil, net.ErrClosed
	default:
		conn, _ := net.Pipe()
		return conn, nil
	}
}

func (p pipes) Close() error   { close(p.closed); return nil }
func (p pipes) Addr() net.Addr { return &net.UnixAddr{} }

// fill accepts until there is no more room, and passes on what is accepted after.
func fill(t *testing.T, l *limitedListener) (first []net.Conn, next chan error) {
	t.Helper()
	for range maxConns {
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		first = append(first, conn)
	}
	next = make(chan error, 1)
	go func() {
		_, err := l.Accept()
		next <- err
	}()
	synctest.Wait()
	select {
	case err := <-next:
		t.Fatalf("one more than %d accepted (%v)", maxConns, err)
	default:
	}
	return first, next
}

func TestLimitMakesRoomOnClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit(pipes{make(chan struct{})})
		conns, next := fill(t, l)
		if c := conns[0].(*peerConn); c.known {
			t.Errorf("the other end of a pipe is taken for user %d", c.peer.uid)
		}
		conns[7].Close()
		conns[7].Close() // closed twice, it makes room once
		if err := <-next; err != nil {
			t.Errorf("accepting into the free slot: %v", err)
		}
		if len(l.slots) != maxConns {
			t.Errorf("%d slots taken, want %d", len(l.slots), maxConns)
		}
	})
}

func TestLimitStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limit(pipes{make(chan struct{})})
		_, next := fill(t, l)
		l.Close()
		if err := <-next; !errors.Is(err, net.ErrClosed) {
			t.Errorf("waiting for room: %v", err)
		}
	})
}

// A listener that fails takes no slot with it.
func TestLimitFailedAccept(t *testing.T) {
	p := pipes{make(chan struct{})}
	close(p.closed)
	l := limit(p)
	for range 2 * maxConns {
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Fatal(err)
		}
	}
}
