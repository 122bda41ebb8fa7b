package localproxy

import (
	"io"
	"testing"
)

func BenchmarkMask(b *testing.B) {
	m := newMasker()
	buf := make([]byte, maxPayload)
	b.SetBytes(maxPayload)
	for b.Loop() {
		m.apply(buf, m.next())
	}
}

func BenchmarkParse(b *testing.B) {
	stream := dataOf(1, 1, make([]byte, maxPayload)).encode()
	p := newParser()
	var m message
	b.SetBytes(maxPayload)
	for b.Loop() {
		for rest := stream; len(rest) > 0; {
			n := copy(p.space(), rest)
			p.filled(n)
			rest = rest[n:]
		}
		if ok, err := p.next(&m); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkDeliver(b *testing.B) {
	near, far := pair(b)
	s, _ := openConnection(b, near)
	go io.Copy(io.Discard, far)
	m := dataOf(1, 1, make([]byte, maxPayload))
	b.SetBytes(maxPayload)
	for b.Loop() {
		s.data(&m)
	}
}

func BenchmarkForward(b *testing.B) {
	near, far := pair(b)
	s, c := openConnection(b, near)
	go func() {
		buf := make([]byte, 256<<10)
		for {
			if _, err := far.Write(buf); err != nil {
				return
			}
		}
	}()
	sent := s.meter.fromDevice.Load()
	for b.Loop() {
		<-s.out.ready
		if err := c.forward(s.out); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(int64(s.meter.fromDevice.Load()-sent) / int64(b.N))
}
