package localproxy

import (
	"net"
	"sync"
)

// coalescer sits between TLS and the socket and joins records to one write, over
// frames as long as there is more to send at once: crypto/tls would make a system
// call, and on a slow link a packet, of every 16 KB record.
type coalescer struct {
	net.Conn
	mu      sync.Mutex // TLS writes from its reading side too (key updates, alerts)
	buf     []byte
	joining bool
}

// coalesceSize is how much is written at once, in bytes.
const coalesceSize = 128 << 10

// Write implements net.Conn. Between begin and flush it only collects.
func (c *coalescer) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.joining {
		return c.Conn.Write(p)
	}
	if len(c.buf)+len(p) > coalesceSize {
		if err := c.drain(); err != nil {
			return 0, err
		}
	}
	c.buf = append(c.buf, p...)
	return len(p), nil
}

// begin collects what is written until flush.
func (c *coalescer) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.buf == nil {
		c.buf = make([]byte, 0, coalesceSize)
	}
	c.joining = true
}

// flush writes what was collected.
func (c *coalescer) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.joining = false
	return c.drain()
}

func (c *coalescer) drain() error {
	_, err := c.Conn.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}
