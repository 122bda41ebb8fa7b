package localproxy_test

import (
	"context"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

// patience is how long a test waits for what must come. It decides nothing
// but how long a broken test takes.
const patience = 20 * time.Second

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// serviceName is the name in the fake service's certificate.
const serviceName = "data.tunneling.iot.test-1.amazonaws.com"

// world is a fake service that listens on loopback.
type world struct {
	*tunneling.Service
	addr  string // host:port
	roots *x509.CertPool
}

func newWorld(t testing.TB, opts tunneling.Options) *world {
	t.Helper()
	ca, err := pki.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server(serviceName)
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
	w := &world{Service: tunneling.NewService(opts), addr: l.Addr().String(), roots: ca.Pool()}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- w.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) port() string {
	_, port, _ := net.SplitHostPort(w.addr)
	return port
}

// config is a Config that connects to w for tun.
func (w *world) config(t testing.TB, tun tunneling.Tunnel, destinations string) localproxy.Config {
	t.Helper()
	d, err := localproxy.ParseDestinations(destinations)
	if err != nil {
		t.Fatal(err)
	}
	return localproxy.Config{
		Endpoint:     net.JoinHostPort(serviceName, w.port()),
		Addresses:    []string{"127.0.0.1"},
		AccessToken:  tun.DestinationToken,
		Roots:        w.roots,
		Destinations: d,
		Log:          debugLog(t.Output()),
		Policy:       localproxy.Policy{RetryMin: time.Millisecond, RetryMax: 20 * time.Millisecond},
	}
}

// running is a Proxy at work.
type running struct {
	stop context.CancelFunc
	done chan error

	mu     sync.Mutex
	events []localproxy.Event
	more   chan struct{}
}

// run starts a Proxy. It is stopped with the test.
func run(t testing.TB, cfg localproxy.Config) *running {
	t.Helper()
	r := &running{done: make(chan error, 1), more: make(chan struct{}, 1)}
	cfg.Events = r.event
	proxy, err := localproxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	r.stop = cancel
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		r.done <- proxy.Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return r
}

func (r *running) event(e localproxy.Event) {
	r.mu.Lock()
	r.events = append(r.events, e)
	r.mu.Unlock()
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// waitEvent waits for an event that match accepts, also one of the past.
func (r *running) waitEvent(t testing.TB, match func(localproxy.Event) bool) localproxy.Event {
	t.Helper()
	ctx := within(t)
	for {
		r.mu.Lock()
		for _, e := range r.events {
			if match(e) {
				r.mu.Unlock()
				return e
			}
		}
		r.mu.Unlock()
		select {
		case <-r.more:
		case <-ctx.Done():
			t.Fatalf("the event did not come; there were %+v", r.events)
		}
	}
}

// wait waits for Run to return.
func (r *running) wait(t testing.TB) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-within(t).Done():
		t.Fatal("the proxy did not end")
		return nil
	}
}

// kindIs matches an event's kind, and its reason if one is given.
func kindIs(kind string, reason ...string) func(localproxy.Event) bool {
	return func(e localproxy.Event) bool {
		for _, r := range reason {
			if !strings.Contains(e.Reason, r) {
				return false
			}
		}
		return e.Event == kind
	}
}

// destination is a TCP service on the device whose every connection is given
// to serve, which owns it.
func destination(t testing.TB, serve func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	open := map[net.Conn]bool{}
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open[conn] = true
			mu.Unlock()
			wg.Go(func() { serve(conn.(*net.TCPConn)) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		mu.Lock()
		for conn := range open {
			conn.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
	return l.Addr().String()
}

// echo sends back what it gets.
func echo(conn *net.TCPConn) {
	io.Copy(conn, conn)
	conn.Close()
}

// wired starts a proxy for a tunnel whose source is the test.
func wired(t testing.TB, w *world, cfg localproxy.Config, tun tunneling.Tunnel) (*tunneling.Wire, *running) {
	t.Helper()
	wire, err := w.Wire(tun.ID)
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, cfg)
	if err := wire.Connected(within(t)); err != nil {
		t.Fatal(err)
	}
	return wire, r
}

func send(t testing.TB, wire *tunneling.Wire, messages ...tunneling.Message) {
	t.Helper()
	if err := wire.Send(within(t), messages...); err != nil {
		t.Fatal(err)
	}
}

func receive(t testing.TB, wire *tunneling.Wire) tunneling.Message {
	t.Helper()
	m, err := wire.Receive(within(t))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// dialTo connects to addr whatever is asked for.
func dialTo(addr string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, addr)
	}
}

func debugLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
