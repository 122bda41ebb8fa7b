package benchproxy

import (
	"io"
	"net"
	"testing"
	"time"
)

func TestTimesAreQuantiles(t *testing.T) {
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i)*time.Microsecond)
	}
	rows := times("echo", took, 60, 20)
	if len(rows) != 2 || rows[0].Value != 51 || rows[1].Value != 100 || rows[0].Goal != 60 || rows[1].Goal != 20 || rows[0].Unit != "µs" {
		t.Errorf("%+v", rows)
	}
}

func TestCountIsDoneWithTheLastByte(t *testing.T) {
	c := newCount(10)
	for _, n := range []int{4, -1, 0, 5} {
		c.add(n)
		select {
		case <-c.done:
			t.Fatal("done before all was counted")
		default:
		}
	}
	c.add(1)
	<-c.done
}

// A destination pours exactly as much as it was told to.
func TestPour(t *testing.T) {
	const bytes = 3<<20 + 7
	addr, err := listen(t.Context(), func(conn net.Conn) { pour(conn, bytes) })
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := io.Copy(io.Discard, conn); n != bytes || err != nil {
		t.Errorf("%d bytes, %v; want %d", n, err, bytes)
	}
}

// TestNobodyConnects must not hang: a program that is no proxy never comes.
func TestNobodyConnects(t *testing.T) {
	if rows, err := Measure(t.Context(), Options{Binary: "/nonexistent/edgeagent", Bytes: 1}); err == nil {
		t.Errorf("a program that is not there has %+v", rows)
	}
}
