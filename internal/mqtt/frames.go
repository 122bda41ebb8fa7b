package mqtt

import "errors"

// Control packet types: the upper four bits of a packet's first byte (MQTT
// 3.1.1, 2.2.1).
const (
	typeConnect    = 0x10
	typeConnack    = 0x20
	typePublish    = 0x30
	typePuback     = 0x40
	typeSubscribe  = 0x80
	typeSuback     = 0x90
	typePingreq    = 0xC0
	typePingresp   = 0xD0
	typeDisconnect = 0xE0

	typeMask = 0xF0
	qosMask  = 0x06 // in a PUBLISH's first byte
)

// errNotMQTT is a remaining length of more than four bytes (MQTT 3.1.1, 2.2.3).
var errNotMQTT = errors.New("not MQTT: a packet's length has more than four bytes")

// frames follows the packet boundaries of one direction of an MQTT connection,
// in pieces of any size. It reads fixed headers only, never a topic or payload.
type frames struct {
	step  frameStep
	first byte // of the packet under way
	shift uint // of the next byte of its length
	left  int  // its length so far, then what is still to come of its body
}

type frameStep byte

const (
	atType frameStep = iota
	atLength
	inBody
)

// between reports whether nothing of a packet is under way.
func (f *frames) between() bool { return f.step == atType }

// feed follows b and calls header with the first byte and the body's length of
// each packet whose header is complete. It stops at the first error, whether
// the stream's or header's.
func (f *frames) feed(b []byte, header func(first byte, length int) error) error {
	for len(b) > 0 {
		switch f.step {
		case atType:
			f.step, f.first, f.shift, f.left = atLength, b[0], 0, 0
			b = b[1:]
		case atLength:
			if err := f.length(b[0], header); err != nil {
				return err
			}
			b = b[1:]
		case inBody:
			n := min(f.left, len(b))
			b = b[n:]
			f.body(n)
		}
	}
	return nil
}

// length takes one byte of the remaining length: seven bits, least first.
func (f *frames) length(b byte, header func(byte, int) error) error {
	f.left |= int(b&0x7F) << f.shift
	f.shift += 7
	if b&0x80 != 0 {
		if f.shift > 21 {
			return errNotMQTT
		}
		return nil
	}
	length := f.left
	f.step = inBody
	f.body(0)
	return header(f.first, length)
}

func (f *frames) body(n int) {
	f.left -= n
	if f.left == 0 {
		f.step = atType
	}
}
