package localproxy

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// kind is the type of a tunnel message.
type kind int32

// Message types of the protocol's schema (V3WebSocketProtocolGuide).
const (
	kindData            kind = 1
	kindStreamStart     kind = 2
	kindStreamReset     kind = 3
	kindSessionReset    kind = 4
	kindServiceIDs      kind = 5
	kindConnectionStart kind = 6
	kindConnectionReset kind = 7
)

// Field numbers of the protocol's schema.
const (
	fieldKind       protowire.Number = 1
	fieldStream     protowire.Number = 2
	fieldIgnorable  protowire.Number = 3
	fieldPayload    protowire.Number = 4
	fieldService    protowire.Number = 5
	fieldAvailable  protowire.Number = 6
	fieldConnection protowire.Number = 7
)

// maxPayload is the most that one message may carry, in bytes.
const maxPayload = 64512

// message is one decoded tunnel message. Its byte slices alias the buffer it
// was decoded from.
type message struct {
	kind       kind
	stream     int32
	connection uint32 // 0: absent, the peer speaks v1 or v2
	ignorable  bool
	payload    []byte
	service    []byte   // empty: absent, the peer speaks v1
	available  []string // of kindServiceIDs
}

// decode replaces m by what b holds, without allocating unless b lists
// services. Fields it does not know are skipped, and of one that comes twice
// the last counts, as protobuf has it. It is our own because generated code
// would copy every payload.
func (m *message) decode(b []byte) error {
	*m = message{}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("decoding a message: %w", protowire.ParseError(n))
		}
		b = b[n:]
		n, err := m.field(num, typ, b)
		if err != nil {
			return fmt.Errorf("decoding field %d of a message: %w", num, err)
		}
		b = b[n:]
	}
	if len(m.payload) > maxPayload {
		return fmt.Errorf("a payload of %d bytes, %d are allowed", len(m.payload), maxPayload)
	}
	return nil
}

var errWireType = errors.New("wrong wire type")

// field takes the value of one field off b and returns its length.
func (m *message) field(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	switch num {
	case fieldKind, fieldStream, fieldIgnorable, fieldConnection:
		return m.number(num, typ, b)
	case fieldPayload, fieldService, fieldAvailable:
		return m.bytes(num, typ, b)
	}
	n := protowire.ConsumeFieldValue(num, typ, b)
	return n, protowire.ParseError(n)
}

// number takes a number or a truth value.
func (m *message) number(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	if typ != protowire.VarintType {
		return 0, errWireType
	}
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, protowire.ParseError(n)
	}
	// Narrowing as protobuf does: the low bits count.
	switch num {
	case fieldKind:
		m.kind = kind(int32(v))
	case fieldStream:
		m.stream = int32(v)
	case fieldIgnorable:
		m.ignorable = v != 0
	case fieldConnection:
		m.connection = uint32(v)
	}
	return n, nil
}

// bytes takes a text or a payload; all but the list of services aliases b.
func (m *message) bytes(num protowire.Number, typ protowire.Type, b []byte) (int, error) {
	if typ != protowire.BytesType {
		return 0, errWireType
	}
	v, n := protowire.ConsumeBytes(b)
	if n < 0 {
		return 0, protowire.ParseError(n)
	}
	switch num {
	case fieldPayload:
		m.payload = v
	case fieldService:
		m.service = v
	case fieldAvailable:
		m.available = append(m.available, string(v))
	}
	return n, nil
}

// form is how a peer names streams and connections: a field that its version
// of the protocol lacks must not be sent to it, for the service closes a
// session that sends fields unknown to the chosen subprotocol.
type form struct {
	service    bool // v2, v3: messages name the service
	connection bool // v3: messages name the connection
}

// limit takes away what the session's own subprotocol does not know.
func (f form) limit(subprotocol form) form {
	return form{f.service && subprotocol.service, f.connection && subprotocol.connection}
}

// address is where a message belongs, in its peer's form.
type address struct {
	form       form
	service    string // the service as the peer names it
	stream     int32
	connection uint32
}

// appendHead appends the fields before the payload.
func (a address) appendHead(b []byte, k kind) []byte {
	b = protowire.AppendTag(b, fieldKind, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(k))
	b = protowire.AppendTag(b, fieldStream, protowire.VarintType)
	return protowire.AppendVarint(b, uint64(int64(a.stream)))
}

// appendTail appends the fields after the payload.
func (a address) appendTail(b []byte, k kind) []byte {
	if a.form.service && a.service != "" {
		b = protowire.AppendTag(b, fieldService, protowire.BytesType)
		b = protowire.AppendString(b, a.service)
	}
	if a.form.connection && k != kindStreamReset {
		b = protowire.AppendTag(b, fieldConnection, protowire.VarintType)
		b = protowire.AppendVarint(b, uint64(a.connection))
	}
	return b
}

// resetKind is the message that ends the connection at a: v1 and v2 know one
// connection a stream only.
func (a address) resetKind() kind {
	if a.form.connection {
		return kindConnectionReset
	}
	return kindStreamReset
}
