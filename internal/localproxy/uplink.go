package localproxy

import (
	"encoding/binary"
	"errors"
	"net"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

const (
	// headRoom holds what comes before a payload: the WebSocket header, the
	// length, and the fields kind, stream (10 bytes if negative) and payload.
	headRoom = wsHeaderSize + lengthSize + 2 + 11 + 4
	// tailRoom holds the fields service and connection.
	tailRoom = 3 + 128 + 6
)

// link is one accepted connection to the service.
type link struct {
	conn     net.Conn // TLS
	joined   *coalescer
	reader   *wsReader
	accepted upgraded
}

func newLink(conn net.Conn, joined *coalescer, reader *wsReader, accepted upgraded) *link {
	return &link{conn, joined, reader, accepted}
}

// cut closes the socket at once. TLS would first tell the service, and wait
// for it if it does not read.
func (l *link) cut() { l.joined.Conn.Close() }

// errEnded means that the session is over.
var errEnded = errors.New("the session is over")

// uplink is the way towards the service. Whoever holds its turn reads from a
// destination straight into the one buffer and sends it, first come first
// served: so a destination is read only as fast as the service takes it, no
// connection can starve another, and the memory does not grow with them.
type uplink struct {
	turn   chan struct{} // holds one token
	done   <-chan struct{}
	ws     *wsWriter
	joined *coalescer
	buf    []byte
}

func newUplink(l *link, done <-chan struct{}) *uplink {
	u := &uplink{
		turn:   make(chan struct{}, 1),
		done:   done,
		ws:     newWSWriter(l.conn),
		joined: l.joined,
		buf:    make([]byte, headRoom+maxPayload+tailRoom),
	}
	u.turn <- struct{}{}
	return u
}

// acquire waits for the turn; false means that the session is over.
func (u *uplink) acquire() bool {
	select {
	case <-u.turn: // waiters are served in the order they came
		return true
	case <-u.done:
		return false
	}
}

// acquireWithin is acquire with a limit.
func (u *uplink) acquireWithin(limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-u.turn:
		return true
	case <-timer.C:
	case <-u.done:
	}
	return false
}

func (u *uplink) release() { u.turn <- struct{}{} }

// payload is where to put what sendData sends. The caller holds the turn.
func (u *uplink) payload() []byte { return u.buf[headRoom : headRoom+maxPayload] }

// sendData sends the first n bytes of payload. The caller holds the turn.
func (u *uplink) sendData(a address, n int) error {
	var scratch [headRoom]byte
	head := a.appendHead(scratch[:0], kindData)
	head = protowire.AppendTag(head, fieldPayload, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(n))
	start := headRoom - len(head)
	copy(u.buf[start:], head)
	return u.sendMessage(start, a.appendTail(u.buf[:headRoom+n], kindData))
}

// sendReset ends the connection at a. The caller holds the turn.
func (u *uplink) sendReset(a address) error {
	start := wsHeaderSize + lengthSize
	k := a.resetKind()
	return u.sendMessage(start, a.appendTail(a.appendHead(u.buf[:start], k), k))
}

// sendMessage sends the message b[start:], which lies in u.buf.
func (u *uplink) sendMessage(start int, b []byte) error {
	length := len(b) - start
	start -= lengthSize
	binary.BigEndian.PutUint16(b[start:], uint16(length))
	return u.sendFrame(opBinary, start, b)
}

// sendControl sends a control frame. The caller holds the turn.
func (u *uplink) sendControl(op opcode, payload []byte) error {
	return u.sendFrame(op, wsHeaderSize, append(u.buf[:wsHeaderSize], payload...))
}

func (u *uplink) sendFrame(op opcode, start int, b []byte) error {
	u.joined.begin()
	err := u.ws.writeFrame(op, b, start)
	if flushErr := u.joined.flush(); err == nil {
		err = flushErr
	}
	return err
}
