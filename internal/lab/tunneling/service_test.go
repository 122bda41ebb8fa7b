package tunneling

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab/pki"
	"github.com/coder/websocket"
)

const testName = "data.tunneling.iot.test-1.amazonaws.com"

// patience bounds what a test waits for; it decides nothing.
const patience = 20 * time.Second

func soon(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// rig is a Service at work.
type rig struct {
	*Service
	addr  string
	roots *x509.CertPool
}

func newRig(t *testing.T, opts Options) *rig {
	t.Helper()
	ca, err := pki.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server(testName)
	if err != nil {
		t.Fatal(err)
	}
	if opts.Certificate, err = pair.TLS(); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{NewService(opts), l.Addr().String(), ca.Pool()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- r.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *rig) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{}).DialContext(ctx, network, r.addr)
}

// connect makes a handshake with the given path and header.
func (r *rig) connect(t *testing.T, path string, header http.Header) (*websocket.Conn, *http.Response, error) {
	t.Helper()
	transport := &http.Transport{DialContext: r.dial, TLSClientConfig: &tls.Config{RootCAs: r.roots, ServerName: testName}}
	t.Cleanup(transport.CloseIdleConnections)
	ws, resp, err := websocket.Dial(soon(t), "wss://"+testName+path, &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: transport}, HTTPHeader: header, Subprotocols: versions,
	})
	if err == nil {
		t.Cleanup(func() { ws.CloseNow() })
	}
	return ws, resp, err
}

const (
	destinationPath = "/tunnel?local-proxy-mode=destination"
	clientA         = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	clientB         = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func tokens(access string, client ...string) http.Header {
	h := http.Header{"Access-Token": {access}}
	if len(client) > 0 {
		h["Client-Token"] = client
	}
	return h
}

func TestRuleBreakerIsClosed(t *testing.T) {
	for name, send := range map[string]func(*websocket.Conn) error{
		"text": func(ws *websocket.Conn) error { return ws.Write(t.Context(), websocket.MessageText, []byte("x")) },
		"start": func(ws *websocket.Conn) error {
			return ws.Write(t.Context(), websocket.MessageBinary, Message{Kind: StreamStart, Stream: 1}.Append(nil))
		},
		"unknown field": func(ws *websocket.Conn) error {
			return ws.Write(t.Context(), websocket.MessageBinary, []byte{0, 4, 0x08, 1, 0x40, 1})
		},
	} {
		r := newRig(t, Options{})
		ws, _, err := r.connect(t, destinationPath, tokens(r.Open().DestinationToken))
		if err != nil {
			t.Fatal(err)
		}
		if err := send(ws); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ws.Read(soon(t)); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
			t.Errorf("%s: %v", name, err)
		}
		if n := r.Stats().Violations; n != 1 {
			t.Errorf("%s: %d violations", name, n)
		}
	}
}

// readMessages reads WebSocket messages until n tunnel messages have come.
func readMessages(t *testing.T, ws *websocket.Conn, n int) (messages []Message, sizes []int) {
	t.Helper()
	var split splitter
	for len(messages) < n {
		_, p, err := ws.Read(soon(t))
		if err != nil {
			t.Fatal(err)
		}
		sizes = append(sizes, len(p))
		if err := split.feed(p, func(m Message, _ []byte) error {
			m.Payload = append([]byte(nil), m.Payload...)
			messages = append(messages, m)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	return messages, sizes
}

func TestDestinationGetsServicesAndCutMessages(t *testing.T) {
	r := newRig(t, Options{Cut: 5, Version: 2})
	tun := r.Open("SSH", "VNC")
	ws, resp, err := r.connect(t, destinationPath, tokens(tun.DestinationToken))
	if err != nil {
		t.Fatal(err)
	}
	if ws.Subprotocol() != versions[1] || resp.Header.Get("channel-id") == "" {
		t.Errorf("subprotocol %q, channel %q", ws.Subprotocol(), resp.Header.Get("channel-id"))
	}
	messages, sizes := readMessages(t, ws, 1)
	if messages[0].Kind != ServiceIDs || strings.Join(messages[0].Services, ",") != "SSH,VNC" || sizes[0] != 5 {
		t.Errorf("%v in pieces of %v", messages, sizes)
	}
}

func TestWirePlaysTheSource(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open()
	wire, err := r.Wire(tun.ID)
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Send(t.Context(), Message{Kind: Data, Stream: 1}); !errors.Is(err, errNotConnected) {
		t.Errorf("before the destination: %v", err)
	}
	ws, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken))
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Connected(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := wire.Send(soon(t), Message{Kind: StreamStart, Stream: 7}, Message{Kind: 99}); err != nil {
		t.Fatal(err)
	}
	messages, _ := readMessages(t, ws, 2)
	if messages[0].Stream != 7 || messages[1].Kind != 99 {
		t.Errorf("%v", messages)
	}
	answer := Message{Kind: Data, Stream: 7, Payload: []byte("hi")}
	if err := ws.Write(soon(t), websocket.MessageBinary, answer.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if m, err := wire.Receive(soon(t)); err != nil || string(m.Payload) != "hi" {
		t.Errorf("%v, %v", m, err)
	}
	if err := wire.Cut(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.Read(soon(t)); err == nil || websocket.CloseStatus(err) != -1 {
		t.Errorf("after the cut: %v", err)
	}
	select {
	case <-wire.Gone():
	case <-soon(t).Done():
		t.Error("the wire is not gone")
	}
}

func TestFrozenConnectionIsHalfOpen(t *testing.T) {
	r := newRig(t, Options{})
	tun := r.Open()
	wire, err := r.Wire(tun.ID)
	if err != nil {
		t.Fatal(err)
	}
	ws, _, err := r.connect(t, destinationPath, tokens(tun.DestinationToken))
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Connected(soon(t)); err != nil {
		t.Fatal(err)
	}
	pongs := ws.CloseRead(t.Context())
	if err := ws.Ping(soon(t)); err != nil {
		t.Fatal(err)
	}
	if err := wire.Freeze(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := ws.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a ping: %v, want no answer", err)
	}
	if err := pongs.Err(); err != nil {
		t.Errorf("the connection ended: %v", err)
	}
}
