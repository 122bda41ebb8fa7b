package localproxy

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// wire makes a message's bytes by hand, as the schema says, so that the tests
// do not lean on the code they try.
func TestDecodeReadsEveryField(t *testing.T) {
	b := []byte{
		0x08, 0x01, // type DATA
		0x10, 0xac, 0x02, // stream 300
		0x18, 0x01, // ignorable
		0x22, 0x03, 'a', 'b', 'c', // payload
		0x2a, 0x03, 'S', 'S', 'H', // service
		0x32, 0x01, 'X', 0x32, 0x01, 'Y', // available services
		0x38, 0x07, // connection 7
	}
	want := message{
		kind: kindData, stream: 300, ignorable: true, payload: []byte("abc"),
		service: []byte("SSH"), available: []string{"X", "Y"}, connection: 7,
	}
	var got message
	if err := got.decode(b); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeForgetsTheMessageBefore(t *testing.T) {
	m := message{kind: kindData, stream: 9, connection: 3, service: []byte("old"), payload: []byte("old")}
	if err := m.decode([]byte{0x08, 0x04}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(message{kind: kindSessionReset}, m, cmp.AllowUnexported(message{})); diff != "" {
		t.Error(diff)
	}
}

func TestDecodeNegativeStream(t *testing.T) {
	var m message
	b := []byte{0x08, 0x01, 0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}
	if err := m.decode(b); err != nil || m.stream != -1 {
		t.Errorf("stream %d, %v, want -1", m.stream, err)
	}
}

func TestDecodeSkipsUnknownFields(t *testing.T) {
	var m message
	b := []byte{0x40, 0x05, 0x4a, 0x02, 'h', 'i', 0x55, 1, 2, 3, 4, 0x59, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 0x02}
	if err := m.decode(b); err != nil || m.kind != kindStreamStart {
		t.Errorf("kind %d, %v, want the start behind the unknown fields", m.kind, err)
	}
}

func TestDecodeRefusesWhatIsBroken(t *testing.T) {
	for name, b := range map[string][]byte{
		"a varint without end":        {0x08, 0x80},
		"a payload cut short":         {0x22, 0x05, 'a'},
		"a field number of 0":         {0x00, 0x01},
		"an unknown field cut short":  {0x4a, 0x02, 'h'},
		"a stream of the wrong type":  {0x12, 0x01, 'x'},
		"a payload of the wrong type": {0x20, 0x01},
		"a payload too long":          append([]byte{0x22, 0x81, 0xf8, 0x03}, make([]byte, maxPayload+1)...),
	} {
		var m message
		if err := m.decode(b); err == nil {
			t.Errorf("%s was accepted as %+v", name, m)
		}
	}
}

func TestAnswerTakesThePeersForm(t *testing.T) {
	for _, c := range []struct {
		name string
		form form
		want message
	}{
		{"v1", form{}, message{kind: kindStreamReset, stream: 5}},
		{"v2", form{service: true}, message{kind: kindStreamReset, stream: 5, service: []byte("SSH")}},
		{"v3", form{service: true, connection: true}, message{kind: kindConnectionReset, stream: 5, service: []byte("SSH"), connection: 2}},
		{"v3 without services", form{connection: true}, message{kind: kindConnectionReset, stream: 5, connection: 2}},
	} {
		a := address{form: c.form, service: "SSH", stream: 5, connection: 2}
		var got message
		k := a.resetKind()
		if err := got.decode(a.appendTail(a.appendHead(nil, k), k)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(message{})); diff != "" {
			t.Errorf("%s: %s", c.name, diff)
		}
	}
}

func TestFormIsLimitedByTheSubprotocol(t *testing.T) {
	v3 := form{service: true, connection: true}
	for i, want := range []form{v3, {service: true}, {}} {
		if got := v3.limit(subprotocolForm(subprotocols[i])); got != want {
			t.Errorf("%s: %+v, want %+v", subprotocols[i], got, want)
		}
	}
}

// collect parses a stream that arrives in the given pieces.
func collect(pieces [][]byte) ([]message, error) {
	p := newParser()
	var all []message
	for _, piece := range pieces {
		for len(piece) > 0 {
			n := copy(p.space(), piece)
			if n == 0 {
				return all, errors.New("no space")
			}
			p.filled(n)
			piece = piece[n:]
			for {
				var m message
				ok, err := p.next(&m)
				if err != nil {
					return all, err
				}
				if !ok {
					break
				}
				m.payload, m.service = bytes.Clone(m.payload), bytes.Clone(m.service)
				all = append(all, m)
			}
		}
	}
	return all, nil
}

func cutEvery(b []byte, n int) [][]byte {
	var pieces [][]byte
	for len(b) > 0 {
		k := min(n, len(b))
		pieces = append(pieces, b[:k])
		b = b[k:]
	}
	return pieces
}

func TestParserDoesNotCareWhereTheStreamIsCut(t *testing.T) {
	var stream []byte
	var want []message
	for i := range 12 {
		m := dataOf(1, uint32(i+1), randomBytes(uint64(i), i*i*500))
		if i == 11 {
			m.payload = randomBytes(11, maxPayload)
		}
		want = append(want, m)
		stream = append(stream, m.encode()...)
	}
	want[0].payload = nil
	for _, size := range []int{1, 2, 3, 1000, 16 << 10, 65536, 70000, len(stream)} {
		got, err := collect(cutEvery(stream, size))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(message{})); diff != "" {
			t.Errorf("cut every %d bytes: %s", size, diff)
		}
	}
}

func TestParserAlwaysHasSpace(t *testing.T) {
	p := newParser()
	longest := append([]byte{0xff, 0xff}, make([]byte, 1<<16-1)...)
	for i := range longest {
		space := p.space()
		if len(space) == 0 {
			t.Fatalf("no space behind %d bytes", i)
		}
		space[0] = longest[i]
		p.filled(1)
	}
}

// FuzzParser holds the parser to giving the same messages, or refusing,
// wherever the stream is cut, and to keeping within a payload's limit.
func FuzzParser(f *testing.F) {
	f.Add(startOf(1, 1).encode(), 3)
	f.Add(append(dataOf(-5, 2, []byte("hello")).encode(), resetOf(1, 1).encode()...), 1)
	f.Add(message{kind: kindServiceIDs, available: []string{"SSH", "VNC"}}.encode(), 7)
	f.Add([]byte{0, 0, 0, 2, 8, 99}, 2)
	f.Add([]byte{0xff, 0xff, 1}, 1)
	f.Fuzz(func(t *testing.T, stream []byte, size int) {
		if size < 1 {
			return
		}
		whole, wholeErr := collect([][]byte{stream})
		cut, cutErr := collect(cutEvery(stream, size))
		if (wholeErr == nil) != (cutErr == nil) {
			t.Fatalf("whole: %v, cut every %d: %v", wholeErr, size, cutErr)
		}
		if diff := cmp.Diff(whole, cut, cmp.AllowUnexported(message{})); diff != "" {
			t.Fatal(diff)
		}
		for _, m := range whole {
			if len(m.payload) > maxPayload {
				t.Fatalf("a payload of %d bytes", len(m.payload))
			}
		}
	})
}
