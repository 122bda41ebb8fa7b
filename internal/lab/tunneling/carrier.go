package tunneling

import (
	"sync"
	"time"
)

// carrierRoom is how much may wait for a slow side, in bytes, before the other
// side is not read any more.
const carrierRoom = 1 << 20

// carrier holds the bytes on their way to one side. It forgets where messages
// begin: it joins them, and cuts them where it is told to.
type carrier struct {
	cut   int
	delay time.Duration

	mu     sync.Mutex
	cond   *sync.Cond
	buf    []byte // filled by put
	full   []byte // emptied by take, then swapped with buf
	out    []byte // the rest of full
	closed bool
}

func newCarrier(cut int, delay time.Duration) *carrier {
	c := &carrier{cut: cut, delay: delay}
	c.cond = sync.NewCond(&c.mu)
	return c
}

// put waits for room and appends p.
func (c *carrier) put(p []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.buf) > carrierRoom && !c.closed {
		c.cond.Wait()
	}
	c.buf = append(c.buf, p...)
	c.cond.Broadcast()
}

// take waits for bytes and returns one WebSocket message's worth; false means
// closed. What it returns is valid until the next call.
func (c *carrier) take() ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.out) == 0 && len(c.buf) == 0 && !c.closed {
		c.cond.Wait()
	}
	// What was put before the end still goes out.
	if c.closed && len(c.out) == 0 && len(c.buf) == 0 {
		return nil, false
	}
	if c.delay > 0 {
		c.mu.Unlock()
		time.Sleep(c.delay)
		c.mu.Lock()
	}
	if len(c.out) == 0 {
		c.full, c.buf = c.buf, c.full[:0]
		c.out = c.full
		c.cond.Broadcast()
	}
	n := min(len(c.out), MaxWebSocket)
	if c.cut > 0 {
		n = min(n, c.cut)
	}
	p := c.out[:n]
	c.out = c.out[n:]
	return p, true
}

func (c *carrier) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	c.cond.Broadcast()
}
