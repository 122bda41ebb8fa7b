package awsiot

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
)

// Freeze stops the broker in its tracks, or lets it go on. Frozen, it still
// accepts connections, and neither reads nor writes a byte on any.
func (b *Broker) Freeze(on bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.thawed:
		if on {
			b.thawed = make(chan struct{})
		}
	default:
		if !on {
			close(b.thawed)
		}
	}
}

func (b *Broker) gate() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.thawed
}

// gated is a client's TCP connection, which a frozen broker leaves alone.
type gated struct {
	net.Conn
	b      *Broker
	once   sync.Once
	closed chan struct{}
}

func (c *gated) pass() error {
	select {
	case <-c.b.gate():
		return nil
	case <-c.b.ctx.Done():
	case <-c.closed:
	}
	return net.ErrClosed
}

// Read hands nothing over that arrives while the broker is frozen.
func (c *gated) Read(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(b)
	if frozen := c.pass(); frozen != nil {
		return 0, frozen
	}
	return n, err
}

// Write implements net.Conn.
func (c *gated) Write(b []byte) (int, error) {
	if err := c.pass(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *gated) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// disconnect is the packet that a 3.1.1 broker never sends, and mochi does.
var disconnect = []byte{0xE0, 0}

// session is what mochi sees of a connection.
type session struct {
	net.Conn
	b    *Broker
	mine atomic.Bool // b.handing is taken by this one
}

// handOver has a new connection take a session over with nobody in between: mochi
// looks the old one up, copies and empties it, and only then puts the new one in
// its place. Two CONNECTs at a time would leave both of them open, one without what
// was kept and the other without what comes.
func (s *session) handOver() {
	s.b.handing <- struct{}{}
	s.mine.Store(true)
}

// handedOver ends what handOver began, if it did: with the first packet to the
// client, which mochi writes once its place is taken, or else with the connection.
func (s *session) handedOver() {
	if s.mine.CompareAndSwap(true, false) {
		<-s.b.handing
	}
}

// Read implements net.Conn.
func (s *session) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if n > 0 && s.b.tap != nil {
		s.b.tap(s.RemoteAddr(), b[:n])
	}
	return n, err
}

// Write implements net.Conn. Mochi passes one whole packet.
func (s *session) Write(b []byte) (int, error) {
	s.handedOver()
	if bytes.Equal(b, disconnect) {
		return len(b), nil
	}
	if b[0] == suback {
		if s.b.now().NoSuback {
			return len(b), nil
		}
		b = bytes.Clone(b)
		b[subackID] &^= idMark
	}
	return s.Conn.Write(b)
}

// Mochi takes a SUBSCRIBE for a duplicate if its identifier is that of a message
// on its way to the client, although each side numbers its own packets (MQTT
// 3.1.1, 2.3.1). Identifiers of SUBSCRIBE are kept apart by a bit while mochi
// has them.
const (
	suback   = 0x90
	subackID = 2 // where the identifier begins
	idMark   = 0x80
)
