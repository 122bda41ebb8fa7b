package localproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// connection joins one connection of the tunnel to one on the device. Its own
// goroutine dials and then carries what the destination sends; what the tunnel
// brings is written by the session's reading goroutine itself as long as the
// destination takes it, and else by a second one out of a bounded queue.
type connection struct {
	s       *session
	service string
	stream  *stream
	addr    address
	dest    Destination
	cancel  context.CancelFunc
	dialing context.Context

	mu       sync.Mutex
	local    local // nil until dialled
	queue    queue
	closing  bool // takes nothing more; ends when the queue is empty
	broken   bool // the destination takes nothing more
	draining bool // the second goroutine runs
	reason   string
	work     chan struct{} // holds one: there is something in the queue, or closing is set
	room     chan struct{} // holds one: there is less in the queue
	drained  chan struct{} // closed when nothing is or will be queued
	over     bool          // drained is closed
}

func newConnection(s *session, service string, st *stream, a address, dest Destination) *connection {
	c := &connection{
		s: s, service: service, stream: st, addr: a, dest: dest,
		queue:   queue{pool: &s.locals.chunks},
		work:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		drained: make(chan struct{}),
	}
	c.dialing, c.cancel = context.WithCancel(context.Background())
	return c
}

// signal leaves a token in a channel that holds one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// run is the connection's life.
func (c *connection) run() {
	defer c.s.locals.remove(c)
	defer c.cancel()
	conn, err := c.s.cfg.dialLocal(c.dialing, c.dest)
	if err != nil {
		c.refused(err)
		return
	}
	if !c.opened(conn) {
		conn.Close()
		c.tell()
		return
	}
	c.pump()
	c.end()
}

// refused ends a connection whose destination could not be reached.
func (c *connection) refused(err error) {
	if c.s.drop(c) {
		c.s.postReset(c.addr)
	}
	c.abandon("cannot connect: " + err.Error())
	c.tell()
}

// opened takes the dialled connection into use and hands over what has come
// for it already. It reports false if there is nothing left to do.
func (c *connection) opened(conn local) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing && c.queue.size == 0 {
		return false
	}
	c.local = conn
	c.s.log.Info("connected", "service", c.service, "to", c.dest.Address, "connection", c.addr.connection)
	c.s.cfg.Events(Event{Event: EventStreamOpened, Service: c.service, Connection: c.addr.connection})
	if c.queue.size > 0 {
		c.startDraining()
	}
	return true
}

// pump carries what the destination sends until it ends or the connection is
// closed from the other side.
func (c *connection) pump() {
	for full := false; ; {
		if !full {
			if err := c.local.WaitRead(); err != nil {
				break
			}
		}
		if !c.s.out.acquire() {
			break
		}
		n, err := c.forward()
		c.s.out.release()
		full = n == maxPayload
		if err != nil && !errors.Is(err, errWouldBlock) {
			break
		}
	}
	c.discard()
}

// forward sends what the destination has ready. The caller holds the uplink's
// turn. At the destination's end it sends the reset that says so, after all
// that came before.
func (c *connection) forward() (int, error) {
	if c.isClosing() {
		return 0, errEnded
	}
	n, err := c.local.TryRead(c.s.out.payload())
	switch {
	case n > 0:
		if err := c.s.out.sendData(c.addr, n); err != nil {
			c.s.end(fmt.Errorf("sending: %w", err))
			return n, err
		}
		c.s.meter.out(n)
		return n, nil
	case errors.Is(err, errWouldBlock):
		return 0, err
	}
	c.localEnd(err)
	return 0, err
}

// localEnd tells the source that the destination has closed. The protocol
// knows no half-close: nothing more can be sent either way, but what is queued
// still is handed over.
func (c *connection) localEnd(err error) {
	reason := "closed by the destination"
	if !errors.Is(err, io.EOF) {
		reason = "the destination failed: " + err.Error()
	}
	if c.s.drop(c) {
		// A failure shows in the session itself.
		_ = c.s.out.sendReset(c.addr)
	}
	c.finish(reason)
}

func (c *connection) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// finish closes the connection once what is queued has been handed over.
func (c *connection) finish(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return
	}
	c.closing, c.reason = true, reason
	switch {
	case c.local == nil && c.queue.size == 0:
		c.cancel()
	case c.local == nil:
		// The dial goes on: the source may have sent and closed at once.
	case c.queue.size == 0:
		c.flushed()
		signal(c.work)
	default:
		signal(c.work)
		// Wakes pump; what the destination sends from here on is discarded.
		_ = c.local.SetReadDeadline(time.Unix(1, 0))
	}
}

// flushed ends the writing side and gives the destination a little time to
// end its own: closing a socket with unread data would throw away what it has
// not read yet. The caller holds c.mu.
func (c *connection) flushed() {
	c.markDrained()
	_ = c.local.SetReadDeadline(time.Now().Add(c.s.cfg.Policy.LingerLimit))
	_ = c.local.CloseWrite()
}

func (c *connection) markDrained() {
	if !c.over {
		c.over = true
		close(c.drained)
	}
}

// abandon closes the connection at once, with what is queued.
func (c *connection) abandon(reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == "" {
		c.reason = reason
	}
	c.closing, c.broken = true, true
	c.cancel()
	if c.local != nil {
		c.local.Close()
	}
	if !c.draining {
		c.queue.clear()
		c.markDrained()
	}
	signal(c.work)
	signal(c.room)
}

// discard reads what the destination still sends, so that it does not get
// stuck while it is handed the rest, until it ends or its time is over.
func (c *connection) discard() {
	c.finish("the tunnel was lost")
	c.mu.Lock()
	if !c.over && !c.broken {
		_ = c.local.SetReadDeadline(time.Time{})
	}
	c.mu.Unlock()
	scratch := make([]byte, 4<<10)
	for {
		if _, err := c.local.Read(scratch); err != nil {
			return
		}
	}
}

// end waits for the queue and closes.
func (c *connection) end() {
	<-c.drained
	c.local.Close()
	c.tell()
}

func (c *connection) tell() {
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	c.s.log.Info("connection closed", "service", c.service, "connection", c.addr.connection, "reason", reason)
	c.s.cfg.Events(Event{Event: EventStreamClosed, Service: c.service, Connection: c.addr.connection, Reason: reason})
}
