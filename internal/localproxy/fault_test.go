package localproxy_test

import (
	"crypto/sha256"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

// Fault 1 with real sockets: the destination reads nothing until the source
// has got stuck behind it, and then gets every byte.
func TestFault01WholeTransferToPausedReader(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	read := make(chan struct{})
	sum := make(chan [32]byte, 1)
	dest := destination(t, func(conn *net.TCPConn) {
		defer conn.Close()
		<-read
		h := sha256.New()
		io.Copy(h, conn)
		sum <- [32]byte(h.Sum(nil))
	})
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+dest), tun)
	h := sha256.New()
	sent := make(chan int, 1024)
	go func() {
		defer close(sent)
		payload := strings.Repeat("0123456789abcdef", tunneling.MaxPayload/16)
		send(t, wire, start(1, 1))
		for range 1024 {
			send(t, wire, data(1, 1, payload))
			h.Write([]byte(payload))
			sent <- 1
		}
		send(t, wire, tunneling.Message{Kind: tunneling.ConnectionReset, Stream: 1, Service: "SSH", Connection: 1})
	}()
	untilStuck(sent)
	close(read)
	for range sent { // until the source has ended
	}
	select {
	case got := <-sum:
		if got != [32]byte(h.Sum(nil)) {
			t.Error("the destination got something else")
		}
	case <-within(t).Done():
		t.Fatal("the destination's end did not come")
	}
}

// untilStuck returns when no progress has come for a moment, or it is closed.
func untilStuck(progress <-chan int) {
	for {
		select {
		case _, more := <-progress:
			if !more {
				return
			}
		case <-time.After(300 * time.Millisecond):
			return
		}
	}
}

// Fault 4 with real sockets.
func TestFault04NewStreamAfterSessionReset(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "one")
	services := tunneling.Message{Kind: tunneling.ServiceIDs, Services: []string{"SSH"}}
	send(t, wire, services, tunneling.Message{Kind: tunneling.SessionReset}, services, start(2, 1))
	wantEcho(t, wire, 2, 1, "two")
}

// Fault 5 with real sockets: nobody listens for the second service, and a name
// with several addresses is tried at each.
func TestFault05RefusedServiceIsResetAlone(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH", "VNC")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(destination(t, echo))
	wire, _ := wired(t, w, w.config(t, tun, "SSH=localhost:"+port+",VNC="+nobody), tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "before")
	send(t, wire, tunneling.Message{Kind: tunneling.StreamStart, Stream: 2, Service: "VNC", Connection: 1})
	m := receive(t, wire)
	if m.Kind != tunneling.ConnectionReset || m.Stream != 2 || m.Service != "VNC" || m.Connection != 1 {
		t.Errorf("got %v, want VNC's reset", m)
	}
	wantEcho(t, wire, 1, 1, "after")
}

// Fault 6 with the real handshake.
func TestFault06RefusedTokens(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	dest := "SSH=" + destination(t, echo)

	wrong := tun
	wrong.DestinationToken = tun.SourceToken
	wantExit(t, run(t, w.config(t, wrong, dest)).wait(t), localproxy.ExitDenied)

	// The first client spends the token; another one cannot use it.
	first := run(t, w.config(t, tun, dest))
	first.waitEvent(t, kindIs(localproxy.EventServices))
	wantExit(t, run(t, w.config(t, tun, dest)).wait(t), localproxy.ExitDenied)

	w.Refuse(503, 2) // retried
	cfg := w.config(t, w.Open("SSH"), dest)
	retried := run(t, cfg)
	retried.waitEvent(t, kindIs(localproxy.EventRetry, "503"))
	retried.waitEvent(t, kindIs(localproxy.EventServices))
}

// A lost connection is made again with the same tokens, and the service's
// closing the tunnel ends the proxy in order.
func TestFault06LostConnectionAndClosedTunnel(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, r := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "before")
	if err := wire.Cut(); err != nil {
		t.Fatal(err)
	}
	if err := wire.Connected(within(t)); err != nil {
		t.Fatal(err)
	}
	r.waitEvent(t, kindIs(localproxy.EventStreamClosed, "tunnel was lost"))
	send(t, wire, start(2, 1))
	wantEcho(t, wire, 2, 1, "after")
	if err := w.Close(tun.ID); err != nil {
		t.Fatal(err)
	}
	wantExit(t, r.wait(t), 0)
}

// Fault 7 with a real half-open connection.
func TestFault07HalfOpenWebSocket(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	cfg := w.config(t, tun, "SSH="+destination(t, echo))
	cfg.Policy.Ping = 50 * time.Millisecond
	wire, r := wired(t, w, cfg, tun)
	if err := wire.Freeze(); err != nil {
		t.Fatal(err)
	}
	r.waitEvent(t, kindIs(localproxy.EventRetry, "silent"))
	if err := wire.Connected(within(t)); err != nil {
		t.Fatal(err)
	}
}

// Fault 8: sources of all three versions in one session, each answered in its
// own form.
func TestFault08EachSourceInItsOwnForm(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	hangUp := destination(t, func(conn *net.TCPConn) {
		io.Copy(conn, io.LimitReader(conn, 2))
		conn.Close()
	})
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+hangUp), tun)
	for stream, c := range []struct {
		service    string
		connection uint32
		end        tunneling.Kind
	}{
		{"", 0, tunneling.StreamReset},
		{"SSH", 0, tunneling.StreamReset},
		{"SSH", 1, tunneling.ConnectionReset},
		{"SSH", 9, tunneling.ConnectionReset},
		{"", 1, tunneling.ConnectionReset},
		{"", 0, tunneling.StreamReset},
	} {
		m := tunneling.Message{Kind: tunneling.StreamStart, Stream: int32(stream + 10), Service: c.service, Connection: c.connection}
		answer := m
		m.Payload = nil
		answer.Kind, answer.Payload = tunneling.Data, []byte("hi")
		send(t, wire, m, answer)
		for _, kind := range []tunneling.Kind{tunneling.Data, c.end} {
			got := receive(t, wire)
			if got.Kind != kind || got.Service != c.service || got.Connection != c.connection || got.Stream != m.Stream {
				t.Errorf("to %v came %v, want type %d in the same form", m, got, kind)
			}
		}
	}
}

// Fault 9 with real sockets.
func TestFault09StaleResetLeavesConnectionsAlone(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH")
	wire, _ := wired(t, w, w.config(t, tun, "SSH="+destination(t, echo)), tun)
	send(t, wire, start(5, 1))
	wantEcho(t, wire, 5, 1, "one")
	send(t, wire,
		tunneling.Message{Kind: tunneling.ConnectionReset, Stream: 4, Service: "SSH", Connection: 1},
		tunneling.Message{Kind: tunneling.StreamReset, Stream: 4, Service: "SSH"},
		tunneling.Message{Kind: tunneling.Data, Stream: 4, Service: "SSH", Connection: 1, Payload: []byte("stale")})
	wantEcho(t, wire, 5, 1, "two")
}

// Fault 12, one service only: connections of two services side by side, more
// of them on a stream after its first has closed, and on a stream never begun.
func TestFault12SeveralServicesAndConnections(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	tun := w.Open("SSH", "VNC")
	a, b := destination(t, echo), destination(t, echo)
	wire, r := wired(t, w, w.config(t, tun, "SSH="+a+",VNC="+b), tun)
	r.waitEvent(t, func(e localproxy.Event) bool {
		return e.Event == localproxy.EventServices && strings.Join(e.Services, ",") == "SSH,VNC"
	})
	more := tunneling.Message{Kind: tunneling.ConnectionStart, Stream: 3, Service: "SSH", Connection: 7}
	send(t, wire, more) // no STREAM_START was seen: its stream is adopted
	wantEcho(t, wire, 3, 7, "adopted")
	send(t, wire, tunneling.Message{Kind: tunneling.ConnectionReset, Stream: 3, Service: "SSH", Connection: 7})
	r.waitEvent(t, func(e localproxy.Event) bool {
		return e.Event == localproxy.EventStreamClosed && e.Service == "SSH" && e.Connection == 7
	})
	more.Connection = 8
	send(t, wire, more)
	wantEcho(t, wire, 3, 8, "joined")
	vnc := tunneling.Message{Kind: tunneling.StreamStart, Stream: 30, Service: "VNC", Connection: 1}
	send(t, wire, vnc)
	vnc.Kind, vnc.Payload = tunneling.Data, []byte("picture")
	send(t, wire, vnc)
	if m := receive(t, wire); m.Service != "VNC" || m.Stream != 30 || string(m.Payload) != "picture" {
		t.Errorf("got %v", m)
	}
	wantEcho(t, wire, 3, 8, "still")
}
