package tunneling

import (
	"context"
	"io"
	"net"
	"sync"

	"github.com/coder/websocket"
)

// sourceBacklog is how many messages may wait for a client that does not read.
const sourceBacklog = 64

// sourceConn is one local client of a Source. One goroutine reads from it and
// another one writes, so that a client may do both at once.
type sourceConn struct {
	source *Source
	conn   net.Conn
	addr   Message // its stream, service and connection
	in     chan []byte
	closed chan struct{}
	once   sync.Once
}

func newSourceConn(s *Source, conn net.Conn, addr Message) *sourceConn {
	return &sourceConn{
		source: s, conn: conn, addr: addr,
		in: make(chan []byte, sourceBacklog), closed: make(chan struct{}),
	}
}

// close ends the client once what waits for it is written.
func (c *sourceConn) close() { c.once.Do(func() { close(c.closed) }) }

// readClient sends what the client sends, and a reset when it ends.
func (c *sourceConn) readClient(ctx context.Context, start Message) {
	buf, out := make([]byte, MaxPayload), make([]byte, 0, MaxPayload+512)
	err := c.source.send(ctx, start, out)
	for err == nil {
		var n int
		n, err = c.conn.Read(buf)
		if n > 0 {
			m := c.addr
			m.Kind, m.Payload = Data, buf[:n]
			if sendErr := c.source.send(ctx, m, out); sendErr != nil {
				break
			}
		}
	}
	if c.source.forget(c) { // else the destination has ended it
		m := c.addr
		m.Kind = ConnectionReset
		if c.source.opts.Version < 3 {
			m.Kind = StreamReset
		}
		// A failure shows in the Source itself.
		_ = c.source.send(ctx, m, out)
	}
	c.close()
}

// writeClient writes what comes for the client, and closes when it is over.
func (c *sourceConn) writeClient() {
	defer c.conn.Close()
	for {
		select {
		case p := <-c.in:
			if _, err := c.conn.Write(p); err != nil {
				return
			}
			continue
		default:
		}
		select {
		case p := <-c.in:
			if _, err := c.conn.Write(p); err != nil {
				return
			}
		case <-c.closed:
			if len(c.in) == 0 {
				return
			}
		}
	}
}

// deliver queues p for the client, waiting for room.
func (c *sourceConn) deliver(p []byte) {
	select {
	case c.in <- append([]byte(nil), p...):
	case <-c.closed:
	}
}

// forget takes c out of its stream and reports whether it was there.
func (s *Source) forget(c *sourceConn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		for id, have := range st.conns {
			if have == c {
				delete(st.conns, id)
				return true
			}
		}
	}
	return false
}

// closeAll cuts every client off: the tunnel is gone.
func (s *Source) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, st := range s.streams {
		for _, c := range st.conns {
			c.close()
			c.conn.Close()
		}
		delete(s.streams, name)
	}
}

// read acts on what the service sends.
func (s *Source) read(ctx context.Context) error {
	var split splitter
	buf := make([]byte, 32<<10)
	for {
		_, r, err := s.ws.Reader(ctx)
		if err != nil {
			return err
		}
		for {
			n, err := r.Read(buf)
			if feedErr := split.feed(buf[:n], s.received); feedErr != nil {
				s.ws.Close(websocket.StatusPolicyViolation, "protocol violation")
				return feedErr
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return err
			}
		}
	}
}

// received acts on one message. What belongs to no client is stale.
func (s *Source) received(m Message, _ []byte) error {
	switch m.Kind {
	case Data:
		if c := s.find(m); c != nil {
			c.deliver(m.Payload)
		}
	case ConnectionReset:
		if c := s.find(m); c != nil && s.forget(c) {
			c.close()
		}
	case StreamReset:
		s.resetStream(m)
	case SessionReset:
		s.closeAll()
	}
	return nil
}

// stream finds m's stream. A v1 message goes to the only service.
func (s *Source) stream(m Message) *sourceStream {
	for name, st := range s.streams {
		if (m.Service == name || m.Service == "") && st.id == m.Stream {
			return st
		}
	}
	return nil
}

// find finds m's client. Before version 3 a stream has one.
func (s *Source) find(m Message) *sourceConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.stream(m); st != nil {
		if s.opts.Version < 3 {
			for _, c := range st.conns {
				return c
			}
		}
		return st.conns[max(m.Connection, 1)]
	}
	return nil
}

// resetStream ends every client of a stream.
func (s *Source) resetStream(m Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if st := s.stream(m); st != nil {
		for id, c := range st.conns {
			delete(st.conns, id)
			c.close()
		}
	}
}
