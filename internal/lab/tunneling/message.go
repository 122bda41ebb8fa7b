package tunneling

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Kind is the type of a message.
type Kind int32

// The protocol's message types.
const (
	Data            Kind = 1
	StreamStart     Kind = 2
	StreamReset     Kind = 3
	SessionReset    Kind = 4
	ServiceIDs      Kind = 5
	ConnectionStart Kind = 6
	ConnectionReset Kind = 7
)

// Limits of the protocol, in bytes.
const (
	MaxPayload   = 64512
	MaxWebSocket = 131076
)

// Message is one tunnel message. Zero fields are left out on the wire.
type Message struct {
	Kind       Kind
	Stream     int32
	Ignorable  bool
	Payload    []byte
	Service    string
	Services   []string
	Connection uint32
}

// String shows the message without its payload.
func (m Message) String() string {
	return fmt.Sprintf("type %d stream %d service %q connection %d payload %d services %v",
		m.Kind, m.Stream, m.Service, m.Connection, len(m.Payload), m.Services)
}

// Append appends the message with its length.
func (m Message) Append(b []byte) []byte {
	start := len(b)
	b = append(b, 0, 0)
	b = appendVarint(b, 1, uint64(m.Kind))
	b = appendVarint(b, 2, uint64(int64(m.Stream)))
	if m.Ignorable {
		b = appendVarint(b, 3, 1)
	}
	if len(m.Payload) > 0 {
		b = protowire.AppendTag(b, 4, protowire.BytesType)
		b = protowire.AppendBytes(b, m.Payload)
	}
	if m.Service != "" {
		b = protowire.AppendTag(b, 5, protowire.BytesType)
		b = protowire.AppendString(b, m.Service)
	}
	for _, s := range m.Services {
		b = protowire.AppendTag(b, 6, protowire.BytesType)
		b = protowire.AppendString(b, s)
	}
	b = appendVarint(b, 7, uint64(m.Connection))
	binary.BigEndian.PutUint16(b[start:], uint16(len(b)-start-2))
	return b
}

// appendVarint leaves out a zero, as proto3 does.
func appendVarint(b []byte, num protowire.Number, v uint64) []byte {
	if v == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), v)
}

var errUnknownField = errors.New("an unknown field")

// parse reads one message without its length, as strictly as the service: an
// unknown field is an error. The payload aliases b.
func parse(b []byte) (Message, error) {
	var m Message
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return m, protowire.ParseError(n)
		}
		b = b[n:]
		n, err := m.field(num, typ, b)
		if err != nil {
			return m, fmt.Errorf("field %d: %w", num, err)
		}
		b = b[n:]
	}
	if len(m.Payload) > MaxPayload {
		return m, fmt.Errorf("a payload of %d bytes", len(m.Payload))
	}
	return m, nil
}

// field takes one field's value off b and returns its length.
func (m *Message) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch {
	case typ == protowire.VarintType:
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		return n, m.number(num, v)
	case typ == protowire.BytesType:
		v, n := protowire.ConsumeBytes(b)
		if n < 0 {
			return 0, protowire.ParseError(n)
		}
		return n, m.text(num, v)
	}
	return 0, errUnknownField
}

// number takes a number or a truth value.
func (m *Message) number(num protowire.Number, v uint64) error {
	switch num {
	case 1:
		m.Kind = Kind(v)
	case 2:
		m.Stream = int32(v)
	case 3:
		m.Ignorable = v != 0
	case 7:
		m.Connection = uint32(v)
	default:
		return errUnknownField
	}
	return nil
}

// text takes a text or a payload.
func (m *Message) text(num protowire.Number, v []byte) error {
	switch num {
	case 4:
		m.Payload = v
	case 5:
		m.Service = string(v)
	case 6:
		m.Services = append(m.Services, string(v))
	default:
		return errUnknownField
	}
	return nil
}

// splitter cuts a stream of bytes into messages. It is simple rather than fast:
// the proxy's own is what is tried against it.
type splitter struct{ buf []byte }

// feed takes bytes and calls each with every message that is whole. What each
// gets is valid during the call.
func (s *splitter) feed(p []byte, each func(Message, []byte) error) error {
	s.buf = append(s.buf, p...)
	rest := s.buf
	for len(rest) >= 2 {
		end := 2 + int(binary.BigEndian.Uint16(rest))
		if len(rest) < end {
			break
		}
		m, err := parse(rest[2:end])
		if err != nil {
			return err
		}
		if err := each(m, rest[:end]); err != nil {
			return err
		}
		rest = rest[end:]
	}
	s.buf = s.buf[:copy(s.buf, rest)]
	return nil
}
