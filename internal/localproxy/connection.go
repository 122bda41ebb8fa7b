package localproxy

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"
)

// connection joins one connection of the tunnel to one on the device. Both ends
// may close it at any time, and neither may lose what the other has sent: it
// takes nothing more from the moment it is closing, and ends when its queue is
// empty and the destination has had time to read.
//
// Its own
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

	resume chan bool // holds one: the uplink's answer to pump

	// Locked after the session's mutex, never before it.
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
		resume:  make(chan bool, 1),
		work:    make(chan struct{}, 1),
		room:    make(chan struct{}, 1),
		drained: make(chan struct{}),
	}
	// Not the session's context: what was sent before the tunnel was lost is
	// handed over all the same.
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

// run is the connection's beginning. What follows is another goroutine's, for
// a dial leaves a large stack behind.
func (c *connection) run() {
	conn, err := c.s.dial(c.dialing, c.dest)
	c.cancel()
	switch {
	case err != nil:
		c.refused(err)
	case !c.opened(conn):
		conn.Close()
	default:
		go c.pump()
		return
	}
	c.tell()
	c.s.locals.remove(c)
}

// refused ends a connection whose destination could not be reached.
func (c *connection) refused(err error) {
	if c.s.drop(c) {
		c.s.postReset(c.addr)
	}
	c.abandon("cannot connect: " + err.Error())
}

// opened takes the dialled connection into use and hands over what has come
// for it already. It reports false if there is nothing left to do.
func (c *connection) opened(conn local) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing && c.queue.size == 0 { // closed while dialling, and nothing to hand over
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

// pump has the uplink carry what the destination sends, until it ends or the
// connection is closed from the other side.
func (c *connection) pump() {
	for more := true; more && c.local.WaitRead() == nil; {
		c.s.out.ready <- c
		select {
		case more = <-c.resume:
		case <-c.s.done:
			more = false
		}
	}
	c.lost() // unless it is known already why this is the end
	c.discard()
	<-c.drained
	c.local.Close()
	c.tell()
	c.s.locals.remove(c)
}

// lost closes a connection that has not been closed by either side in order.
func (c *connection) lost() {
	reason := "the destination takes nothing more"
	if c.s.over() {
		reason = "the tunnel was lost"
	}
	if c.s.drop(c) {
		c.s.postReset(c.addr)
	}
	c.finish(reason)
}

// forward sends what the destination has ready and puts the connection back in
// line if there may be more, or back to waiting. At the destination's end it
// sends the reset that says so, after all that came before. It is called by
// the uplink's goroutine.
func (c *connection) forward(u *uplink) error {
	if c.isClosing() { // since it got in line
		c.resume <- false
		return nil
	}
	n, err := c.local.TryRead(u.payload())
	switch {
	case n > 0:
		err = u.sendData(c.addr, n)
		c.s.meter.out(n)
		// Back in line even after a short read: to wake pump costs more than to
		// find nothing, and a busy destination has more by then.
		u.ready <- c
		return err
	case errors.Is(err, errWouldBlock):
		c.resume <- true
		return nil
	}
	err = c.localEnd(u, err)
	c.resume <- false
	return err
}

// localEnd tells the source that the destination has closed. The protocol
// knows no half-close: nothing more can be sent either way, but what is queued
// still is handed over.
func (c *connection) localEnd(u *uplink, err error) error {
	reason := "closed by the destination"
	if !errors.Is(err, io.EOF) {
		reason = "the destination failed: " + err.Error()
	}
	var sendErr error
	if c.s.drop(c) { // else the source has closed it, and may use its number again
		sendErr = u.sendReset(c.addr)
	}
	c.finish(reason)
	return sendErr
}

// isClosing reports whether the connection takes nothing more.
func (c *connection) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

// finish closes the connection once what is queued has been handed over. The
// first reason counts. It never waits.
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

// markDrained lets pump come to its end. The caller holds c.mu.
func (c *connection) markDrained() {
	if !c.over {
		c.over = true
		close(c.drained)
	}
}

// abandon closes the connection at once, with what is queued: it is stuck, was
// never made, or the proxy itself is at its end.
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
	if !c.draining { // else drain does so: it may be writing from the queue
		c.queue.clear()
		c.markDrained()
	}
	signal(c.work)
	signal(c.room)
}

// discard reads what the destination still sends, so that it does not get
// stuck while it is handed the rest, until it ends or its time is over.
func (c *connection) discard() {
	c.mu.Lock()
	if !c.over && !c.broken { // finish has set a deadline only to wake pump
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

// tell says how the connection ended.
func (c *connection) tell() {
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	c.s.log.Info("connection closed", "service", c.service, "connection", c.addr.connection, "reason", reason)
	c.s.cfg.Events(Event{Event: EventStreamClosed, Service: c.service, Connection: c.addr.connection, Reason: reason})
}
