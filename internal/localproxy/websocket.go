package localproxy

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
)

// opcode is the kind of a WebSocket frame (RFC 6455, section 11.8).
type opcode byte

const (
	opContinuation opcode = 0
	opText         opcode = 1
	opBinary       opcode = 2
	opClose        opcode = 8
	opPing         opcode = 9
	opPong         opcode = 10
)

// Status codes of a close frame (RFC 6455, section 7.4.1).
const (
	closeNormal      = 1000
	closeProtocol    = 1002
	closeUnsupported = 1003
	closeNoStatus    = 1005 // the frame holds none
)

const (
	maxControl = 125  // payload of a control frame, bytes
	readAhead  = 1024 // small, for what lies in it is copied twice
)

// errProtocol marks what no working service sends.
var errProtocol = errors.New("protocol violation by the service")

// closedError is the service's close frame.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string {
	return fmt.Sprintf("the service closed the WebSocket with status %d %q", e.code, e.reason)
}

// wsReader is the receiving half of a WebSocket client. It joins the payloads
// of all binary messages to one stream of bytes and hands control frames to
// control, whose payload is valid during the call only.
//
// It is our own because every byte of the tunnel passes here: payloads go from
// the TLS layer straight into the caller's buffer, without allocation.
type wsReader struct {
	br       *bufio.Reader
	control  func(op opcode, payload []byte) error
	left     uint64 // payload bytes of the frame under way
	message  bool   // a message is under way: continuation frames may follow
	header   [8]byte
	received atomic.Uint64 // bytes of payload, control frames' too: a sign of life
}

func newWSReader(r io.Reader) *wsReader {
	return &wsReader{br: bufio.NewReaderSize(r, readAhead)}
}

// Read implements io.Reader. It returns a *closedError for a close frame and
// an error wrapping errProtocol for what RFC 6455 or the service's own rules
// forbid.
func (w *wsReader) Read(p []byte) (int, error) {
	for w.left == 0 {
		if err := w.nextFrame(); err != nil {
			return 0, err
		}
	}
	if uint64(len(p)) > w.left {
		p = p[:w.left]
	}
	n, err := w.br.Read(p)
	w.left -= uint64(n)
	w.received.Add(uint64(n))
	if w.left > 0 {
		err = unexpected(err)
	}
	return n, err
}

// nextFrame reads one frame's header, and all of a control frame.
func (w *wsReader) nextFrame() error {
	h := w.header[:2]
	if _, err := io.ReadFull(w.br, h); err != nil {
		return err
	}
	op, final := opcode(h[0]&0xf), h[0]&0x80 != 0
	if h[0]&0x70 != 0 {
		return fmt.Errorf("%w: reserved bits %#x in a WebSocket frame", errProtocol, h[0])
	}
	if h[1]&0x80 != 0 {
		return fmt.Errorf("%w: a masked WebSocket frame", errProtocol)
	}
	length, err := w.length(uint64(h[1] & 0x7f))
	if err != nil {
		return err
	}
	if op >= opClose {
		return w.controlFrame(op, final, length)
	}
	return w.dataFrame(op, final, length)
}

// length reads the longer forms of a payload's length.
func (w *wsReader) length(short uint64) (uint64, error) {
	switch short {
	case 126:
		_, err := io.ReadFull(w.br, w.header[:2])
		return uint64(binary.BigEndian.Uint16(w.header[:2])), err
	case 127:
		_, err := io.ReadFull(w.br, w.header[:8])
		n := binary.BigEndian.Uint64(w.header[:8])
		if err == nil && n>>63 != 0 {
			err = fmt.Errorf("%w: a WebSocket frame of %d bytes", errProtocol, n)
		}
		return n, err
	}
	return short, nil
}

// dataFrame begins a data frame. How long a message is does not matter: it is
// never held as a whole.
func (w *wsReader) dataFrame(op opcode, final bool, length uint64) error {
	switch {
	case op == opText:
		return fmt.Errorf("%w: %w", errProtocol, errText)
	case op != opBinary && op != opContinuation:
		return fmt.Errorf("%w: unknown WebSocket opcode %d", errProtocol, op)
	case (op == opContinuation) != w.message:
		return fmt.Errorf("%w: WebSocket opcode %d out of turn", errProtocol, op)
	}
	w.left, w.message = length, !final
	return nil
}

// errText tells the one violation that has its own close status.
var errText = errors.New("a text message")

// controlFrame reads a control frame, which may come between the fragments of
// a message.
func (w *wsReader) controlFrame(op opcode, final bool, length uint64) error {
	if length > maxControl || !final {
		return fmt.Errorf("%w: a control frame of %d bytes, final %t", errProtocol, length, final)
	}
	payload, err := w.br.Peek(int(length))
	if err != nil {
		return fmt.Errorf("reading a control frame: %w", unexpected(err))
	}
	w.received.Add(2 + length)
	err = w.dispatch(op, payload)
	if _, discardErr := w.br.Discard(int(length)); err == nil {
		err = discardErr
	}
	return err
}

// dispatch acts on a whole control frame.
func (w *wsReader) dispatch(op opcode, payload []byte) error {
	switch op {
	case opPing, opPong:
		return w.control(op, payload)
	case opClose:
		if len(payload) < 2 {
			return &closedError{code: closeNoStatus}
		}
		return &closedError{int(binary.BigEndian.Uint16(payload)), string(payload[2:])}
	}
	return fmt.Errorf("%w: unknown WebSocket opcode %d", errProtocol, op)
}

// unexpected makes an end of file in the middle of something an error.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// wsHeaderSize is the room a client's frame header may take, in bytes.
const wsHeaderSize = 2 + 8 + 4

// wsWriter is the sending half of a WebSocket client. One caller at a time.
type wsWriter struct {
	conn io.Writer
	mask masker
}

func newWSWriter(conn net.Conn) *wsWriter { return &wsWriter{conn: conn, mask: newMasker()} }

// writeFrame sends buf[start:] as one unfragmented frame. The bytes before
// start are overwritten by the header and must be at least wsHeaderSize; the
// payload is masked in place, so that it is not copied.
func (w *wsWriter) writeFrame(op opcode, buf []byte, start int) error {
	key := w.mask.next()
	w.mask.apply(buf[start:], key)
	begin := putHeader(buf, start, op, len(buf)-start, key)
	_, err := w.conn.Write(buf[begin:])
	return err
}

// putHeader writes a client's frame header so that it ends at buf[end] and
// returns where it begins.
func putHeader(buf []byte, end int, op opcode, length int, key [4]byte) int {
	begin := end - 4
	copy(buf[begin:], key[:])
	short := byte(length)
	switch {
	case length > 0xffff:
		begin -= 8
		binary.BigEndian.PutUint64(buf[begin:], uint64(length))
		short = 127
	case length > maxControl:
		begin -= 2
		binary.BigEndian.PutUint16(buf[begin:], uint16(length))
		short = 126
	}
	begin -= 2
	buf[begin], buf[begin+1] = 0x80|byte(op), 0x80|short
	return begin
}
