package localproxy

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

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

// drain reads on until the service closes or the read deadline, and closes: a
// socket closed with unread data would take the last words with it.
func (l *link) drain() {
	// An error is what it waits for.
	_, _ = io.Copy(io.Discard, l.joined.Conn)
	l.cut()
}

// errEnded means that the session is over.
var errEnded = errors.New("the session is over")

// notesSize bounds the resets and pongs that wait to be sent. A service that
// provokes more without reading any does not follow the protocol.
const notesSize = 256

// note is a short message to be sent beside the data: a reset, or a control
// frame if op is set.
type note struct {
	reset   address
	op      opcode
	payload []byte
}

// uplink is the way towards the service. Its one goroutine reads from the
// destinations that have something, in the order in which they had, straight
// into the one buffer and sends it. So a destination is read only as fast as
// the service takes it, no connection can starve another, and the memory does
// not grow with them.
type uplink struct {
	ready   chan *connection // each at most once: never full
	notes   chan note
	last    chan []note // what to send before ending
	done    <-chan struct{}
	stopped chan struct{} // closed when run has returned

	ws     *wsWriter
	joined *coalescer
	buf    []byte

	unflushed bool // something sent is with joined still
}

func newUplink(l *link, connections int, done <-chan struct{}) *uplink {
	return &uplink{
		ready:   make(chan *connection, connections),
		notes:   make(chan note, notesSize),
		last:    make(chan []note, 1),
		done:    done,
		stopped: make(chan struct{}),
		ws:      newWSWriter(l.conn),
		joined:  l.joined,
		buf:     make([]byte, headRoom+maxPayload+tailRoom),
	}
}

// run sends until the session is over; it returns what made sending fail.
func (u *uplink) run() error {
	defer close(u.stopped)
	for {
		if err := u.flushIfIdle(); err != nil {
			return fmt.Errorf("sending: %w", err)
		}
		var err error
		select {
		case n := <-u.notes: // goes before the data
			err = u.sendNote(n)
		default:
			select {
			case n := <-u.notes:
				err = u.sendNote(n)
			case c := <-u.ready:
				err = c.forward(u)
			case farewell := <-u.last:
				return errors.Join(u.sendAll(farewell), u.joined.flush())
			case <-u.done:
				return nil
			}
		}
		if err != nil {
			return fmt.Errorf("sending: %w", err)
		}
	}
}

// flushIfIdle writes what was sent before waiting for more.
func (u *uplink) flushIfIdle() error {
	if !u.unflushed || len(u.ready) > 0 || len(u.notes) > 0 {
		return nil
	}
	u.unflushed = false
	return u.joined.flush()
}

// post queues a note. It never waits: the reading side would wait for the
// service, which may be waiting for the reading side.
func (u *uplink) post(n note) error {
	select {
	case u.notes <- n:
		return nil
	case <-u.done:
		return errEnded
	default:
		return fmt.Errorf("%w: it provokes answers and reads none", errProtocol)
	}
}

// sendAll sends the last words.
func (u *uplink) sendAll(notes []note) error {
	for _, n := range notes {
		if err := u.sendNote(n); err != nil {
			return err
		}
	}
	return nil
}

// sendNote sends a reset or a control frame out of the same buffer as the data.
func (u *uplink) sendNote(n note) error {
	if n.op == 0 {
		return u.sendReset(n.reset)
	}
	return u.sendFrame(n.op, wsHeaderSize, append(u.buf[:wsHeaderSize], n.payload...))
}

// payload is where to put what sendData sends.
func (u *uplink) payload() []byte { return u.buf[headRoom : headRoom+maxPayload] }

// sendData sends the first n bytes of payload.
func (u *uplink) sendData(a address, n int) error {
	var scratch [headRoom]byte
	head := a.appendHead(scratch[:0], kindData)
	head = protowire.AppendTag(head, fieldPayload, protowire.BytesType)
	head = protowire.AppendVarint(head, uint64(n))
	start := headRoom - len(head)
	copy(u.buf[start:], head)
	return u.sendMessage(start, a.appendTail(u.buf[:headRoom+n], kindData))
}

// sendReset ends the connection at a.
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

// sendFrame sends b[start:] as one frame. It goes out when there is nothing more
// to be sent at once, or enough for one write.
func (u *uplink) sendFrame(op opcode, start int, b []byte) error {
	if !u.unflushed {
		u.joined.begin()
		u.unflushed = true
	}
	return u.ws.writeFrame(op, b, start)
}
