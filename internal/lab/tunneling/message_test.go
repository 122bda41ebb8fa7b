package tunneling

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessageOnTheWire(t *testing.T) {
	m := Message{
		Kind: Data, Stream: 300, Ignorable: true, Payload: []byte("abc"),
		Service: "SSH", Services: []string{"X"}, Connection: 7,
	}
	want := []byte{
		0, 22,
		0x08, 0x01, 0x10, 0xac, 0x02, 0x18, 0x01, 0x22, 0x03, 'a', 'b', 'c',
		0x2a, 0x03, 'S', 'S', 'H', 0x32, 0x01, 'X', 0x38, 0x07,
	}
	got := m.Append(nil)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatal(diff)
	}
	back, err := parse(got[2:])
	if diff := cmp.Diff(m, back); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

func TestMessageWithAnythingUnknownIsRefused(t *testing.T) {
	for name, b := range map[string][]byte{
		"a number":  {0x08, 0x01, 0x40, 0x01},
		"a text":    {0x08, 0x01, 0x4a, 0x01, 'x'},
		"a float":   {0x55, 1, 2, 3, 4},
		"half":      {0x22, 5, 'x'},
		"no number": {0x08},
		"too much":  append([]byte{0x22, 0x81, 0xf8, 0x03}, make([]byte, MaxPayload+1)...),
	} {
		if m, err := parse(b); err == nil {
			t.Errorf("%s was accepted as %v", name, m)
		}
	}
}

func TestSplitterCutsAnywhere(t *testing.T) {
	var stream []byte
	for i := range 5 {
		stream = Message{Kind: Data, Stream: int32(i + 1), Payload: bytes.Repeat([]byte{byte(i)}, i*100)}.Append(stream)
	}
	for size := 1; size <= len(stream); size += 7 {
		var s splitter
		var got []int32
		var raw []byte
		for rest := stream; len(rest) > 0; {
			n := min(size, len(rest))
			err := s.feed(rest[:n], func(m Message, b []byte) error {
				got = append(got, m.Stream)
				raw = append(raw, b...)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if diff := cmp.Diff([]int32{1, 2, 3, 4, 5}, got); diff != "" || !bytes.Equal(raw, stream) {
			t.Errorf("cut every %d: %s", size, diff)
		}
	}
}

func TestRules(t *testing.T) {
	services := []string{"SSH"}
	for _, c := range []struct {
		name    string
		mode    string
		version int
		m       Message
		ok      bool
	}{
		{"v3 data", "destination", 3, Message{Kind: Data, Stream: 1, Service: "SSH", Connection: 1}, true},
		{"v3 reset", "destination", 3, Message{Kind: ConnectionReset, Stream: 1, Service: "SSH", Connection: 1}, true},
		{"v2 reset of a connection", "destination", 2, Message{Kind: ConnectionReset, Stream: 1, Service: "SSH"}, false},
		{"v2 data with a connection", "destination", 2, Message{Kind: Data, Stream: 1, Service: "SSH", Connection: 1}, false},
		{"v1 data with a service", "destination", 1, Message{Kind: Data, Stream: 1, Service: "SSH"}, false},
		{"v1 reset", "destination", 1, Message{Kind: StreamReset, Stream: 1}, true},
		{"start by a source", "source", 3, Message{Kind: StreamStart, Stream: 1, Service: "SSH", Connection: 1}, true},
		{"start by a destination", "destination", 3, Message{Kind: StreamStart, Stream: 1}, false},
		{"connection start by v2", "source", 2, Message{Kind: ConnectionStart, Stream: 1}, false},
		{"session reset", "source", 3, Message{Kind: SessionReset, Stream: 1}, false},
		{"a list of services", "source", 3, Message{Kind: Data, Stream: 1, Services: services}, false},
		{"stream 0", "source", 3, Message{Kind: Data}, false},
		{"another service", "source", 3, Message{Kind: Data, Stream: 1, Service: "VNC"}, false},
		{"an unknown type", "source", 3, Message{Kind: 99, Stream: 1, Ignorable: true}, false},
	} {
		err := c.m.rule(c.mode, c.version, services)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, errRule) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestCarrierJoinsAndCuts(t *testing.T) {
	c := newCarrier(0, 0)
	c.put([]byte("one"))
	c.put([]byte("two"))
	if p, ok := c.take(); !ok || string(p) != "onetwo" {
		t.Errorf("got %q, %t, want what was waiting in one", p, ok)
	}
	c = newCarrier(4, 0)
	c.put([]byte("onetwothree"))
	for _, want := range []string{"onet", "woth", "ree"} {
		if p, ok := c.take(); !ok || string(p) != want {
			t.Errorf("got %q, %t, want %q", p, ok, want)
		}
	}
	c.put([]byte("last"))
	c.close()
	if p, ok := c.take(); !ok || string(p) != "last" {
		t.Errorf("got %q, %t, want the rest", p, ok)
	}
	if _, ok := c.take(); ok {
		t.Error("more after the end")
	}
}
