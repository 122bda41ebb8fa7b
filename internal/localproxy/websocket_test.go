package localproxy

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"testing"
	"testing/iotest"
)

// readAll reads a stream of frames and returns data, control frames as
// opcode and payload, and why it ended.
func readAll(r io.Reader) (data []byte, controls []string, err error) {
	w := newWSReader(r)
	w.control = func(op opcode, p []byte) error {
		controls = append(controls, string(rune('0'+op))+string(p))
		return nil
	}
	data, err = io.ReadAll(w)
	return data, controls, err
}

func TestReaderJoinsMessages(t *testing.T) {
	long := randomBytes(1, 70000)
	var stream []byte
	stream = append(stream, frame(opBinary, []byte("one"))...)
	stream = append(stream, frame(opPing, []byte("p"))...)
	stream = append(stream, 0x02, 3, 't', 'w', 'o', 0x89, 0, 0x00, 0, 0x80, 1, '!') // fragments, a ping between
	stream = append(stream, frame(opBinary, nil)...)
	stream = append(stream, frame(opBinary, long)...)
	stream = append(stream, frame(opPong, []byte("q"))...)
	stream = append(stream, frame(opBinary, randomBytes(2, 300))...)
	want := append([]byte("onetwo!"), append(long, randomBytes(2, 300)...)...)
	for name, r := range map[string]io.Reader{
		"whole":     bytes.NewReader(stream),
		"byte wise": iotest.OneByteReader(bytes.NewReader(stream)),
		"halves":    iotest.HalfReader(bytes.NewReader(stream)),
	} {
		data, controls, err := readAll(r)
		if err != nil || !bytes.Equal(data, want) {
			t.Errorf("%s: %d bytes, %v, want %d", name, len(data), err, len(want))
		}
		if len(controls) != 3 || controls[0] != "9p" || controls[1] != "9" || controls[2] != ":q" {
			t.Errorf("%s: control frames %q", name, controls)
		}
	}
}

func TestReaderTellsTheCloseFrame(t *testing.T) {
	for _, c := range []struct {
		payload []byte
		want    closedError
	}{
		{nil, closedError{closeNoStatus, ""}},
		{[]byte{0x03, 0xe8}, closedError{1000, ""}},
		{[]byte("\x03\xf0why"), closedError{1008, "why"}},
	} {
		_, _, err := readAll(bytes.NewReader(frame(opClose, c.payload)))
		var closed *closedError
		if !errors.As(err, &closed) || *closed != c.want {
			t.Errorf("%q: %v, want %v", c.payload, err, &c.want)
		}
	}
}

func TestReaderRefusesWhatIsForbidden(t *testing.T) {
	for name, b := range map[string][]byte{
		"a text message":             frame(opText, []byte("hi")),
		"a masked frame":             {0x82, 0x81, 1, 2, 3, 4, 5},
		"reserved bits":              {0xc2, 0},
		"an unknown data opcode":     {0x83, 0},
		"an unknown control opcode":  {0x8b, 0},
		"a continuation of nothing":  {0x80, 1, 'x'},
		"a message inside a message": {0x02, 1, 'x', 0x82, 1, 'y'},
		"a fragmented ping":          {0x09, 0},
		"a long ping":                {0x89, 126, 0, 126},
		"a length over 63 bits":      {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
	} {
		if _, _, err := readAll(bytes.NewReader(b)); !errors.Is(err, errProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReaderNoticesTheEndInsideAFrame(t *testing.T) {
	for name, b := range map[string][]byte{
		"in a header":        {0x82},
		"in a length":        {0x82, 126, 1},
		"in a payload":       {0x82, 5, 'x'},
		"in a control frame": {0x89, 5, 'x'},
	} {
		_, _, err := readAll(bytes.NewReader(b))
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWriterMasksEachFrameAnew(t *testing.T) {
	here, there := net.Pipe()
	defer here.Close()
	w := newWSWriter(here)
	sizes := []int{0, 1, 125, 126, 1023, 1024, 1025, 65535, 65536, 130000}
	go func() {
		for _, n := range sizes {
			buf := append(make([]byte, wsHeaderSize), randomBytes(uint64(n), n)...)
			if err := w.writeFrame(opBinary, buf, wsHeaderSize); err != nil {
				t.Error(err)
			}
		}
		here.Close()
	}()
	var raw bytes.Buffer
	br := bufio.NewReader(io.TeeReader(there, &raw))
	for _, n := range sizes {
		op, payload, err := readClientFrame(br)
		if err != nil || op != opBinary || !bytes.Equal(payload, randomBytes(uint64(n), n)) {
			t.Errorf("%d bytes: opcode %d, %d bytes back, %v", n, op, len(payload), err)
		}
	}
	if bytes.Contains(raw.Bytes(), randomBytes(65535, 65535)[:64]) {
		t.Error("a payload went out unmasked")
	}
}

func TestMaskKeysDoNotRepeat(t *testing.T) {
	m := newMasker()
	seen := map[[4]byte]bool{}
	for range 1000 {
		seen[m.next()] = true
	}
	if len(seen) < 999 { // two equal among a thousand: once in 8,600 runs
		t.Errorf("%d different keys in 1000", len(seen))
	}
}

// FuzzReader holds the reader to the same result however its bytes arrive.
func FuzzReader(f *testing.F) {
	f.Add(append(frame(opBinary, []byte("one")), frame(opPing, []byte("p"))...))
	f.Add([]byte{0x02, 1, 'x', 0x80, 1, 'y', 0x88, 2, 3, 0xe8})
	f.Add(frame(opText, []byte("x")))
	f.Add([]byte{0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		data, controls, err := readAll(bytes.NewReader(b))
		data1, controls1, err1 := readAll(iotest.OneByteReader(bytes.NewReader(b)))
		if !bytes.Equal(data, data1) || len(controls) != len(controls1) || (err == nil) != (err1 == nil) {
			t.Fatalf("at once: %q %q %v; byte by byte: %q %q %v", data, controls, err, data1, controls1, err1)
		}
	})
}
