package mqtt

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

const host = "iot.example.com"

// patience bounds every wait for something real. It is no measure of anything.
const patience = 30 * time.Second

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// certs are the files of one device and what its broker serves.
type certs struct {
	ca                *pki.CA
	dir               string
	caFile, cert, key string
}

func newCerts(t *testing.T, opts ...pki.Option) *certs {
	t.Helper()
	c := &certs{ca: must(pki.NewCA("Amazon Root CA 1")), dir: t.TempDir()}
	c.caFile = must(c.ca.WriteCert(c.dir, "ca"))
	c.device(opts...)
	return c
}

// device writes a new certificate of this device.
func (c *certs) device(opts ...pki.Option) {
	pair := must(c.ca.Client("gw-042", opts...))
	var err error
	if c.cert, c.key, err = pair.Write(c.dir, "device"); err != nil {
		panic(err)
	}
}

func (c *certs) server(opts ...pki.Option) *tls.Config {
	pair := must(must(c.ca.Server(host, opts...)).TLS())
	return &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: c.ca.Pool(),
		ClientAuth: tls.RequireAndVerifyClientCert, SessionTicketsDisabled: true,
	}
}

// path is a Path that a test controls.
type path struct {
	mu    sync.Mutex
	addrs []netip.AddrPort
	dial  func(context.Context, netip.AddrPort) (net.Conn, error)
	tried []netip.AddrPort
}

func newPath(addrs ...string) *path {
	p := &path{dial: func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "tcp", a.String())
	}}
	p.set(addrs...)
	return p
}

func (p *path) set(addrs ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.addrs = nil
	for _, a := range addrs {
		p.addrs = append(p.addrs, netip.MustParseAddrPort(a))
	}
}

func (p *path) Addresses() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.addrs
}

func (p *path) Dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	p.mu.Lock()
	p.tried = append(p.tried, a)
	p.mu.Unlock()
	return p.dial(ctx, a)
}

func (p *path) dials() []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]netip.AddrPort(nil), p.tried...)
}

// reports collects what a Session says of itself.
type reports struct {
	patience time.Duration // much longer in fake time, where it costs nothing

	mu      sync.Mutex
	all     []status.Update
	changed chan struct{}
}

func newReports() *reports { return &reports{patience: patience, changed: make(chan struct{})} }

func (r *reports) add(u status.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, u)
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *reports) list() ([]status.Update, <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]status.Update(nil), r.all...), r.changed
}

// after returns the first update from the n-th on that is wanted.
func (r *reports) after(t *testing.T, n int, wanted func(status.Update) bool) (status.Update, int) {
	t.Helper()
	deadline := time.After(r.patience)
	for {
		all, changed := r.list()
		for i := n; i < len(all); i++ {
			if wanted(all[i]) {
				return all[i], i + 1
			}
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("not reported; instead: %+v", all[min(n, len(all)):])
		}
	}
}

func reason(want status.Reason) func(status.Update) bool {
	return func(u status.Update) bool { return u.Reason == want }
}

func ok(u status.Update) bool { return u.State == status.OK }

// rig is a Session with what it needs.
type rig struct {
	*testing.T
	certs    *certs
	path     *path
	session  *Session
	reports  *reports
	messages chan string // topic, space, payload
	o        Options
}

func newRig(t *testing.T, c *certs, p *path, change ...func(*Options)) *rig {
	t.Helper()
	r := &rig{T: t, certs: c, path: p, reports: newReports(), messages: make(chan string, 100)}
	gate, note := clock.NewGate(time.Time{}, filepath.Join(c.dir, "clock"))
	if note != "" {
		t.Fatal(note)
	}
	r.o = Options{
		MQTT: config.MQTT{
			CA: c.caFile, Cert: c.cert, Key: c.key, ClientID: "gw-042",
			KeepAlive: config.MaxKeepAlive, PersistentSession: true,
		},
		Endpoint: config.Endpoint{Host: host, Port: 8883},
		Thing:    "gw-042", Path: p, Clock: gate,
		Notify: func(topic string, payload []byte) { r.messages <- topic + " " + string(payload) },
		Board:  status.NewBoard("gw-042", "test", "link", "dns", "endpoint", "broker", "tunnel"),
		Log:    newRigLog(),
	}
	for _, f := range change {
		f(&r.o)
	}
	r.session = New(r.o)
	return r
}

func newRigLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

// run starts the Session, as the chain does, and returns what stops it.
func (r *rig) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	report := func(u status.Update) {
		r.o.Board.Set("broker", u)
		r.reports.add(u)
	}
	go func() { done <- r.session.Run(ctx, report) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			r.Errorf("Run: %v", err)
		}
	})
	r.Cleanup(stop)
	return stop
}

// until waits for the first wanted report.
func (r *rig) until(wanted func(status.Update) bool) status.Update {
	r.Helper()
	u, _ := r.reports.after(r.T, 0, wanted)
	return u
}

// startBroker runs the double of AWS on loopback.
func startBroker(t *testing.T, c *certs, q awsiot.Quirks, change ...func(*awsiot.Options)) (*awsiot.Broker, string) {
	t.Helper()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	o := awsiot.Options{Listeners: []net.Listener{l}, TLS: c.server(), Quirks: q}
	for _, f := range change {
		f(&o)
	}
	b := must(awsiot.Start(context.Background(), o))
	t.Cleanup(b.Close)
	return b, l.Addr().String()
}

// aws is a rig with the double of AWS behind it.
func aws(t *testing.T, q awsiot.Quirks, change ...func(*Options)) (*rig, *awsiot.Broker) {
	t.Helper()
	t.Parallel()
	c := newCerts(t)
	b, addr := startBroker(t, c, q)
	return newRig(t, c, newPath(addr), change...), b
}

// seen waits until the double has recorded what done looks for.
func seen(t *testing.T, b *awsiot.Broker, what string, done func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		changed := b.Changed()
		if done() {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			t.Fatalf("the broker has not seen: %s (%+v)", what, b.Counts())
		}
	}
}
