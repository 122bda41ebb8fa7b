package tunneling

import (
	"context"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// fakeDestination answers every payload with itself in capitals.
func fakeDestination(ctx context.Context, ws *websocket.Conn) {
	var split splitter
	for {
		_, p, err := ws.Read(ctx)
		if err != nil {
			return
		}
		_ = split.feed(p, func(m Message, _ []byte) error {
			if m.Kind != Data {
				return nil
			}
			m.Payload = []byte(strings.ToUpper(string(m.Payload)))
			return ws.Write(ctx, websocket.MessageBinary, m.Append(nil))
		})
	}
}

func TestSourceCarriesItsClients(t *testing.T) {
	for version := 1; version <= 3; version++ {
		r := newRig(t, Options{})
		tun := r.Open("SSH")
		ws, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken))
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Connected(soon(t), tun.ID, "destination"); err != nil {
			t.Fatal(err)
		}
		go fakeDestination(t.Context(), ws)
		s := NewSource(SourceOptions{
			Endpoint: testName + ":443", Token: tun.SourceToken, Version: version, Roots: r.roots, Dial: r.dial,
			Listen: map[string]string{"SSH": "127.0.0.1:0"},
		})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 2 { // one client after the other
			talk(t, s.Addr("SSH").String())
		}
		if n := r.Stats().Violations; n != 0 || s.Err() != nil || s.Addr("VNC") != nil {
			t.Errorf("version %d: %d violations, %v", version, n, s.Err())
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		select {
		case <-s.Done():
		default:
			t.Error("not done after Close")
		}
	}
}

func talk(t *testing.T, addr string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "HELLO" {
		t.Errorf("got %q, %v", got, err)
	}
}

// Without a destination a client is not left waiting.
func TestSourceWithoutDestination(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open("SSH")
	s := NewSource(SourceOptions{
		Endpoint: testName + ":443", Token: tun.SourceToken, Roots: r.roots, Dial: r.dial,
		Listen: map[string]string{"SSH": "127.0.0.1:0"},
	})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	conn, err := net.Dial("tcp", s.Addr("SSH").String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if n, err := conn.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("%d, %v, want the end", n, err)
	}
	if err := r.Close(tun.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
		if s.Err() == nil {
			t.Error("no reason")
		}
	case <-soon(t).Done():
		t.Error("the source goes on without its tunnel")
	}
}
