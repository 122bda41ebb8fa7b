package localproxy

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// deliver hands p to the destination or queues it. It is called by the
// session's reading goroutine alone, so that order is kept.
//
// When the queue is full too, something has to give: the protocol cannot ask
// the source to slow down. While the connection is alone, the whole tunnel
// waits for it, which slows the source down and loses nothing. While there are
// others it may hold them up for a moment only, and then is reset.
func (c *connection) deliver(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var deadline time.Time
	for len(p) > 0 && !c.closing && !c.broken {
		n := c.accept(p)
		p = p[n:]
		if len(p) == 0 {
			return
		}
		if deadline.IsZero() { // the clock is read only when it is needed
			deadline = time.Now().Add(c.holdLimit())
		}
		c.mu.Unlock()
		ok := c.s.hold(c.room, time.Until(deadline))
		c.mu.Lock()
		if !ok {
			c.stuck(c.stuckHow())
			return
		}
		if c.s.over() {
			return
		}
		if c.s.alone() { // waits as long as the destination takes anything
			deadline = time.Now().Add(c.s.cfg.Policy.StallLimit)
		}
	}
}

// accept takes what it can of p, straight to the destination if nothing waits
// before it.
func (c *connection) accept(p []byte) int {
	// No copy, no other goroutine: this is how nearly all bytes go.
	taken := 0
	if c.local != nil && c.queue.size == 0 {
		n, err := c.local.TryWrite(p)
		c.s.meter.in(n)
		if err != nil {
			c.breakWrites()
			return len(p) // nobody will ever read it
		}
		taken = n
	}
	queued := c.queue.push(p[taken:], c.queueLimit())
	if queued > 0 && c.local != nil {
		c.startDraining()
		signal(c.work)
	}
	return taken + queued
}

// queueLimit is how much may be queued for this connection just now, in bytes.
func (c *connection) queueLimit() int {
	policy := c.s.cfg.Policy
	if c.s.locals.chunks.bytes() < policy.TotalQueueBytes {
		return policy.QueueBytes
	}
	return min(policy.QueueBytes, maxPayload)
}

// breakWrites stops writing after an error. Reading goes on for a moment: what
// the destination sent before it closed still is to be forwarded, and the end
// of that ends the connection.
func (c *connection) breakWrites() {
	c.broken = true
	_ = c.local.SetReadDeadline(time.Now().Add(c.s.cfg.Policy.LingerLimit))
	signal(c.work)
}

// holdLimit is how long the tunnel may wait for this connection.
func (c *connection) holdLimit() time.Duration {
	if c.s.alone() {
		return c.s.cfg.Policy.StallLimit
	}
	return c.s.cfg.Policy.HoldLimit
}

// over reports whether the session has ended.
func (s *session) over() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

// stuckHow says in whose interest holdLimit was over.
func (c *connection) stuckHow() string {
	if c.s.alone() {
		return "for " + c.s.cfg.Policy.StallLimit.String()
	}
	return "while other connections waited"
}

// hold makes the session wait for room; false means that none came in time.
func (s *session) hold(room <-chan struct{}, limit time.Duration) bool {
	s.holding.Store(true)
	defer s.holding.Store(false)
	s.held.Reset(limit)
	defer s.held.Stop()
	select {
	case <-room:
		return true
	case <-s.done:
		return true
	case <-s.held.C:
		return false
	}
}

// stuck resets this connection alone. The caller holds c.mu.
func (c *connection) stuck(when string) {
	reason := fmt.Sprintf("reset: the destination takes nothing %s; %d KB were waiting for it", when, c.queue.size>>10)
	c.mu.Unlock()
	defer c.mu.Lock()
	if c.s.drop(c) {
		c.s.postReset(c.addr)
	}
	c.abandon(reason)
}

// startDraining starts the second goroutine if it does not run. The caller
// holds c.mu.
func (c *connection) startDraining() {
	if !c.draining { // stays for the connection's life once it was needed
		c.draining = true
		go c.drain()
	}
	signal(c.work)
}

// drain writes what is queued, as the destination takes it. It ends with the
// connection.
func (c *connection) drain() {
	for {
		c.mu.Lock()
		p := c.queue.front()
		if c.broken || c.closing && p == nil {
			c.queue.clear()
			c.drainedUnlessBroken()
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		if p == nil {
			<-c.work
			continue
		}
		c.drainSome(p)
	}
}

// drainedUnlessBroken ends draining. The caller holds c.mu.
func (c *connection) drainedUnlessBroken() {
	if c.broken {
		c.markDrained()
		return
	}
	c.flushed()
}

// drainSome writes p, the front of the queue. It does not hold c.mu meanwhile:
// more is queued while the destination takes its time.
func (c *connection) drainSome(p []byte) {
	_ = c.local.SetWriteDeadline(time.Now().Add(c.s.cfg.Policy.StallLimit))
	n, err := c.local.Write(p)
	c.s.meter.in(n)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n > 0 {
		c.queue.consume(n)
		signal(c.room)
	}
	if c.queue.size == 0 {
		// From here on accept writes, which an old deadline would fail.
		_ = c.local.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil, n > 0: // slow is not stuck
	case !errors.Is(err, os.ErrDeadlineExceeded):
		c.breakWrites()
	default:
		c.stuck("for " + c.s.cfg.Policy.StallLimit.String())
	}
}
