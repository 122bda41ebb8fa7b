package mqtt

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// conn is the broker's TLS connection as paho sees it. It does what paho v1.5.1
// does not:
//   - a CONNACK code above 5 reaches paho as 5. Paho takes any other for success.
//   - every Write has a deadline. Paho sets one for PUBLISH only.
//   - the keepalive: it puts the interval into CONNECT, sends PINGREQ when told
//     to and times the answer. Paho's own wakes up every 5 s to look at a clock.
//   - it knows what the broker has not answered yet, and the first error, which
//     together tell a refusal from a broken path.
type conn struct {
	net.Conn            // TLS
	raw       io.Closer // what is below it: closing that never blocks
	keepAlive time.Duration

	writing sync.Mutex // held for one packet
	out     frames
	pingDue bool // a PINGREQ is to follow the packet under way

	in     frames
	offset int  // bytes seen of the first packet, up to the CONNACK's four
	first  byte // of the first packet

	mu      sync.Mutex
	heard   time.Time // when the last byte came in
	pinged  time.Time
	connect time.Time // when CONNECT was sent
	code    byte      // of CONNACK, as the broker sent it
	unacked unacked

	pongs chan time.Duration // round trips of answered PINGREQs; the last one counts

	failing sync.Once
	cause   error         // the first error; read it after dead is closed
	dead    chan struct{} // closed at the first error that is not this side's Close
}

// unacked is what the broker still owes an answer to.
type unacked struct{ connects, subscribes, publishes int }

func newConn(tlsConn net.Conn, raw io.Closer, keepAlive time.Duration) *conn {
	return &conn{
		Conn: tlsConn, raw: raw, keepAlive: keepAlive,
		pongs: make(chan time.Duration, 1), dead: make(chan struct{}),
	}
}

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.mu.Lock()
		c.heard = time.Now()
		c.mu.Unlock()
		c.connack(b[:n])
		if bad := c.in.feed(b[:n], c.received); bad != nil {
			n, err = 0, bad
		}
	}
	if err != nil {
		c.fail(err)
	}
	return n, err
}

// connack remembers the code of the CONNACK and caps it for paho. CONNACK is
// always the first packet and four bytes long (MQTT 3.1.1, 3.2).
func (c *conn) connack(b []byte) {
	for i := 0; i < len(b) && c.offset < 4; i++ {
		if c.offset == 0 {
			c.first = b[i]
		}
		if c.offset == 3 && c.first == typeConnack {
			c.mu.Lock()
			c.code = b[i]
			c.mu.Unlock()
			b[i] = min(b[i], codeNotAuthorised)
		}
		c.offset++
	}
}

// received takes note of a packet from the broker.
func (c *conn) received(first byte, length int) error {
	if length > maxPacket {
		return fmt.Errorf("a packet of %d bytes from the broker: at most %d are accepted", length, maxPacket)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch first & typeMask {
	case typeConnack:
		c.unacked.connects = 0
	case typeSuback:
		c.unacked.subscribes--
	case typePuback:
		c.unacked.publishes--
	case typePingresp:
		c.pong()
	}
	return nil
}

// pong passes on the round trip of the PINGREQ that was answered, in place of
// an earlier one that nobody took. Called with c.mu held.
func (c *conn) pong() {
	if c.pinged.IsZero() {
		return
	}
	select {
	case <-c.pongs:
	default:
	}
	c.pongs <- time.Since(c.pinged)
	c.pinged = time.Time{}
}

// Write implements net.Conn. Paho passes one whole packet.
func (c *conn) Write(b []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if err := c.out.feed(b, c.sending); err != nil {
		return 0, err
	}
	n, err := c.send(c.withKeepAlive(b))
	if err == nil && c.pingDue && c.out.between() {
		err = c.sendPing()
	}
	return n, err
}

// sending takes note of a packet before it leaves: its answer may come before
// the write returns.
func (c *conn) sending(first byte, _ int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case first&typeMask == typeConnect:
		c.connect = time.Now()
		c.unacked.connects++
	case first&typeMask == typeSubscribe:
		c.unacked.subscribes++
	case first&typeMask == typePublish && first&qosMask != 0:
		c.unacked.publishes++
	}
	return nil
}

// withKeepAlive returns b with the keepalive in it if it is a CONNECT. The
// interval follows the protocol's name (6 bytes), level and flags (MQTT 3.1.1, 3.1.2).
func (c *conn) withKeepAlive(b []byte) []byte {
	if len(b) == 0 || b[0] != typeConnect {
		return b
	}
	at := 1
	for at < len(b) && b[at]&0x80 != 0 {
		at++
	}
	at += 1 + 6 + 1 + 1
	if at+2 > len(b) {
		return b
	}
	b = append([]byte(nil), b...)
	binary.BigEndian.PutUint16(b[at:], uint16(c.keepAlive/time.Second))
	return b
}

func (c *conn) send(b []byte) (int, error) {
	if err := c.Conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(b)
	if err == nil {
		return n, nil
	}
	if said := c.lastWords(); said != nil {
		err = said
	}
	c.fail(err)
	return n, err
}

// lastWords returns the TLS alert with which the broker closed before it
// answered CONNECT, or nil. In TLS 1.3 a refused client certificate shows only
// then, and the write that fails for it hides the alert.
func (c *conn) lastWords() error {
	if c.waitingFor().connects == 0 || c.Conn.SetReadDeadline(time.Now().Add(time.Second)) != nil {
		return nil
	}
	_, err := c.Conn.Read(make([]byte, 1))
	if alert := alertIn(err); alert != "" {
		return err
	}
	return nil
}

// ping sends a PINGREQ between two packets. It may block for as long as a write
// may take.
func (c *conn) ping() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if !c.out.between() {
		c.pingDue = true
		return
	}
	_ = c.sendPing() // c.dead tells
}

func (c *conn) sendPing() error {
	c.pingDue = false
	c.mu.Lock()
	c.pinged = time.Now()
	c.mu.Unlock()
	_, err := c.send([]byte{typePingreq, 0})
	return err
}

// bye sends DISCONNECT, unless a packet is half written. It may block for as
// long as a write may take.
func (c *conn) bye() {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.out.between() {
		_, _ = c.send([]byte{typeDisconnect, 0}) // c.dead tells
	}
}

// Close implements net.Conn. It never blocks, as TLS's own does when it tries
// to say goodbye on a dead path.
func (c *conn) Close() error { return c.raw.Close() }

// fail keeps the first error, unless it is only this side's Close.
func (c *conn) fail(err error) {
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		return
	}
	c.failing.Do(func() {
		c.cause = err
		close(c.dead)
	})
}

// why returns the connection's first error, or err, what paho makes of it.
func (c *conn) why(err error) error {
	select {
	case <-c.dead:
		return c.cause
	default:
		return err
	}
}

// lastHeard returns when the last byte came in.
func (c *conn) lastHeard() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.heard
}

// connectSent returns when CONNECT was sent, zero if it was not.
func (c *conn) connectSent() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.connect
}

func (c *conn) waitingFor() unacked {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.unacked
}

// connackCode returns the broker's answer to CONNECT, 0 if there was none.
func (c *conn) connackCode() byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.code
}
