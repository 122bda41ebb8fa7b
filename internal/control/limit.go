package control

import (
	"context"
	"net"
	"sync"
)

// maxConns is how many clients are served at once. More wait in the kernel's
// queue: the device has little memory and few technicians.
const maxConns = 32

// limitedListener accepts at most maxConns connections at a time, and knows the
// peer of each.
type limitedListener struct {
	net.Listener
	slots chan struct{}
	done  chan struct{}
	once  sync.Once
}

func limit(l net.Listener) *limitedListener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, maxConns), done: make(chan struct{})}
}

// Accept returns the next connection, as a *peerConn, once there is room for it.
func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.done:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	p, err := peerOf(c)
	return &peerConn{Conn: c, peer: p, known: err == nil, release: sync.OnceFunc(func() { <-l.slots })}, nil
}

// Close also ends an Accept that waits for room.
func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return l.Listener.Close()
}

// idle waits until no connection is open, until ctx ends at most. It is for the
// time after Close: nothing is accepted any more.
func (l *limitedListener) idle(ctx context.Context) {
	for range maxConns {
		select {
		case l.slots <- struct{}{}:
		case <-ctx.Done():
			return
		}
	}
}

// peerConn is a connection whose other end is known.
type peerConn struct {
	net.Conn
	peer    peer
	known   bool // false if the kernel did not say: then it may only read
	release func()
}

// Close makes room for the next connection.
func (c *peerConn) Close() error {
	defer c.release()
	return c.Conn.Close()
}
