package localproxy_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

func start(stream int32, connection uint32) tunneling.Message {
	return tunneling.Message{Kind: tunneling.StreamStart, Stream: stream, Service: "SSH", Connection: connection}
}

func data(stream int32, connection uint32, p string) tunneling.Message {
	return tunneling.Message{Kind: tunneling.Data, Stream: stream, Service: "SSH", Connection: connection, Payload: []byte(p)}
}

func wantExit(t *testing.T, err error, code int) {
	t.Helper()
	var exit *localproxy.ExitError
	if errors.As(err, &exit) != (code != 0) || code != 0 && exit.ExitCode() != code {
		t.Errorf("ended with %v, want status %d", err, code)
	}
}

// wantEcho sends text to an echo and waits for it to come back.
func wantEcho(t *testing.T, wire *tunneling.Wire, stream int32, connection uint32, text string) {
	t.Helper()
	send(t, wire, data(stream, connection, text))
	for got := ""; got != text; {
		m := receive(t, wire)
		if m.Kind != tunneling.Data || m.Stream != stream || m.Connection != connection {
			t.Fatalf("got %v", m)
		}
		got += string(m.Payload)
		if !strings.HasPrefix(text, got) {
			t.Fatalf("got %q, want %q", got, text)
		}
	}
}

func TestServiceWithoutDestinationIsRefused(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH", "WEB")
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, tunneling.Message{Kind: tunneling.StreamStart, Stream: 2, Service: "WEB", Connection: 1})
	if m := receive(t, wire); m.Kind != tunneling.ConnectionReset || m.Service != "WEB" || m.Stream != 2 {
		t.Errorf("got %v", m)
	}
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "fine")
}

func TestViolationsCloseWithAStatus(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(*tunneling.Wire) error
		part string
	}{
		"text":    {func(w *tunneling.Wire) error { return w.SendText(t.Context(), "hello") }, "a text message"},
		"garbage": {func(w *tunneling.Wire) error { return w.SendRaw(t.Context(), []byte{0, 2, 0xff, 0xff}) }, "decoding"},
		"unknown type": {func(w *tunneling.Wire) error {
			return w.Send(t.Context(), tunneling.Message{Kind: 42, Stream: 1})
		}, "type 42"},
	} {
		w := newWorld(t, tunneling.Options{})
		tun := w.Open("SSH")
		wire, r := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
		if err := wire.Send(within(t), tunneling.Message{Kind: 42, Ignorable: true}); err != nil {
			t.Fatal(err)
		}
		if err := c.do(wire); err != nil {
			t.Fatal(err)
		}
		err := r.wait(t)
		wantExit(t, err, localproxy.ExitProtocol)
		if err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestPingsOfTheServiceAreAnswered(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	if err := wire.Ping(within(t)); err != nil {
		t.Error(err)
	}
}

func TestWrongCertificateIsRefused(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	for name, change := range map[string]func(*localproxy.Config){
		"another authority": func(c *localproxy.Config) {
			ca, err := pki.NewCA("another")
			if err != nil {
				t.Fatal(err)
			}
			c.Roots = ca.Pool()
		},
		"another name": func(c *localproxy.Config) { c.Endpoint = net.JoinHostPort("other.example", w.port()) },
	} {
		cfg := w.config(t, tun, "SSH="+destination(t, echo))
		change(&cfg)
		err := run(t, cfg).wait(t)
		wantExit(t, err, localproxy.ExitTLS)
		if w.Stats().Handshakes != 0 {
			t.Errorf("%s: the token was sent", name)
		}
	}
	cfg := w.config(t, tun, "SSH="+destination(t, echo))
	cfg.Roots, cfg.NoVerify = nil, true
	run(t, cfg).waitEvent(t, kindIs(localproxy.EventServices))
}

func TestUnixSocketDestination(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		if conn, err := l.Accept(); err == nil {
			io.Copy(conn, conn)
			conn.Close()
		}
	}()
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+path), tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "through a file")
}

// Stopping resets what is open, closes the WebSocket with status 1000 and
// hands over what the destination has not read yet.
func TestStopHandsOverAndSaysGoodbye(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	got := make(chan string, 1)
	dest := destination(t, func(conn *net.TCPConn) {
		b, _ := io.ReadAll(conn)
		got <- string(b)
		conn.Close()
	})
	wire, r := wired(t, w, w.config(t, tun, "SSH="+dest), tun)
	send(t, wire, start(1, 1), data(1, 1, "the end"))
	// Not sooner: what is still on its way from the service is nobody's to hand over.
	r.waitEvent(t, func(e localproxy.Event) bool { return e.Event == localproxy.EventBytes && e.In != nil && *e.In == 7 })
	r.stop()
	if m := receive(t, wire); m.Kind != tunneling.ConnectionReset || m.Stream != 1 || m.Connection != 1 {
		t.Errorf("got %v", m)
	}
	wantExit(t, r.wait(t), 0)
	select {
	case text := <-got:
		if text != "the end" {
			t.Errorf("the destination got %q", text)
		}
	case <-within(t).Done():
		t.Error("the destination's end did not come")
	}
	if v := w.Stats().Violations; v != 0 {
		t.Errorf("%d violations", v)
	}
}

func TestBytesAreCounted(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, r := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "twelve bytes")
	r.stop()
	wantExit(t, r.wait(t), 0)
	e := r.waitEvent(t, kindIs(localproxy.EventBytes))
	if *e.In != 12 || *e.Out != 12 {
		t.Errorf("%d in, %d out, want 12 each", *e.In, *e.Out)
	}
}

// The token must not be in anything that is told.
func TestTokenIsNeverTold(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	var log bytes.Buffer
	cfg := w.config(t, tun, "SSH="+destination(t, echo))
	cfg.Log = debugLog(&log)
	w.Refuse(500, 1)
	r := run(t, cfg)
	r.waitEvent(t, kindIs(localproxy.EventServices))
	r.stop()
	wantExit(t, r.wait(t), 0)
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if strings.Contains(e.Reason+e.Address+e.ChannelID, tun.DestinationToken) {
			t.Errorf("in an event: %+v", e)
		}
	}
	if log.Len() == 0 || strings.Contains(log.String(), tun.DestinationToken) {
		t.Errorf("in the log, or it is empty: %q", log.String())
	}
}

// A rotated token ends nothing by itself; a service that closes the connection
// for it has ended it in order.
func TestRotatedToken(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, r := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, start(1, 1))
	if _, err := w.Rotate(tun.ID, false); err != nil {
		t.Fatal(err)
	}
	wantEcho(t, wire, 1, 1, "still here")
	if _, err := w.Rotate(tun.ID, true); err != nil {
		t.Fatal(err)
	}
	wantExit(t, r.wait(t), 0)
}
