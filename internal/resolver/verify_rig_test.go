package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
)

// fakeKernel sends an address through the device that is set for it, and all
// others through the path's.
type fakeKernel struct {
	mu     sync.Mutex
	taken  map[netip.Addr]string
	events chan struct{}
	err    error // of watch
}

func (k *fakeKernel) leaves(a netip.Addr, path Path) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if device, ok := k.taken[a]; ok {
		return fmt.Errorf("%s would leave through %s, not %s", a, device, path.Device)
	}
	return nil
}

func (k *fakeKernel) watch(context.Context) (<-chan struct{}, error) {
	if k.err != nil {
		return nil, k.err
	}
	k.events = make(chan struct{}, 1)
	return k.events, nil
}

// take sends an address elsewhere, give sends it back; both are seen.
func (k *fakeKernel) take(addr, device string) {
	k.mu.Lock()
	k.taken[netip.MustParseAddr(addr)] = device
	k.mu.Unlock()
	k.fire()
}

func (k *fakeKernel) give(addr string) {
	k.mu.Lock()
	delete(k.taken, netip.MustParseAddr(addr))
	k.mu.Unlock()
	k.fire()
}

func (k *fakeKernel) fire() {
	select {
	case k.events <- struct{}{}:
	default:
	}
}

// verifyRig runs the endpoint stage over a fake VPC, kernel and OS.
type verifyRig struct {
	vpc      *fakeVPC
	kernel   *fakeKernel
	prober   *Prober
	options  VerifierOptions
	verifier *Verifier
	reports  reports
	stop     context.CancelFunc
	done     chan error

	mu            sync.Mutex
	path          *Path
	routed        []string // calls of Route
	onRoute       func() error
	osAddrs       []netip.Addr
	osErr         error
	osAsked       int
	mode          string
	moved, hosted signal
}

func newVerifyRig() *verifyRig {
	vpc, path := &fakeVPC{}, tun0()
	r := &verifyRig{
		vpc: vpc, kernel: &fakeKernel{taken: map[netip.Addr]string{}}, prober: newFakeProber(vpc), path: &path,
		mode: config.HostFile, osAddrs: mustAddrs("10.0.6.105", "10.0.20.107"),
	}
	cfg := config.Default()
	cfg.Endpoint.Host = testHost
	r.options = VerifierOptions{
		Endpoint: cfg.Endpoint, Domains: cfg.Resolver.Domains, Prober: r.prober, Probe: cfg.Probe,
		Path: r.current, PathChanged: r.moved.wait, Route: r.route, OSLookup: r.lookup,
		HostMode: r.hostMode, HostChanged: r.hosted.wait, Log: slog.New(slog.DiscardHandler),
	}
	return r
}

func (r *verifyRig) start(t *testing.T) {
	if r.verifier == nil {
		r.verifier = NewVerifier(r.options)
		r.verifier.kernel, r.verifier.ask = r.kernel, r.vpc
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.stop, r.done = cancel, make(chan error, 1)
	go func() { r.done <- r.verifier.Run(ctx, r.reports.report) }()
	synctest.Wait()
}

func (r *verifyRig) end(t *testing.T) {
	t.Helper()
	at := time.Now()
	r.stop()
	if err := <-r.done; err != nil {
		t.Errorf("ended with %v", err)
	}
	if took := time.Since(at); took > 0 {
		t.Errorf("ending took %s", took)
	}
	synctest.Wait()
}

// proved starts the stage on the two addresses of a healthy VPC.
func (r *verifyRig) proved(t *testing.T) {
	t.Helper()
	r.vpc.answers("10.0.20.107", "10.0.6.105")
	r.start(t)
	r.probe(t)
	r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
}

// probe is the link's probe.
func (r *verifyRig) probe(t *testing.T) {
	_, _ = r.prober.Probe(t.Context(), tun0())
	synctest.Wait()
}

// mustDial checks what is offered to the broker.
func (r *verifyRig) mustDial(t *testing.T, want string) {
	t.Helper()
	var got string
	for i, a := range r.verifier.Addresses() {
		if i > 0 {
			got += " "
		}
		got += a.String()
	}
	if got != want {
		t.Errorf("proved addresses %q, want %q", got, want)
	}
}

func (r *verifyRig) current() (Path, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.path == nil {
		return Path{}, false
	}
	return *r.path, true
}

func (r *verifyRig) move(p *Path) {
	r.mu.Lock()
	r.path = p
	r.mu.Unlock()
	r.moved.fire()
	synctest.Wait()
}

func (r *verifyRig) route(_ context.Context, addrs ...netip.Addr) error {
	r.mu.Lock()
	r.routed = append(r.routed, joinAddrs(addrs))
	onRoute := r.onRoute
	r.mu.Unlock()
	if onRoute != nil {
		return onRoute()
	}
	return nil
}

func (r *verifyRig) whenRouting(f func() error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.onRoute = f
}

func (r *verifyRig) routes() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.routed)
}

func (r *verifyRig) lookup(context.Context, string) ([]netip.Addr, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.osAsked++
	return r.osAddrs, r.osErr
}

// os sets what other programs get.
func (r *verifyRig) os(err error, addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.osAddrs, r.osErr = mustAddrs(addrs...), err
}

func (r *verifyRig) lookups() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.osAsked
}

func (r *verifyRig) hostMode() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mode
}

func (r *verifyRig) setMode(mode string) {
	r.mu.Lock()
	r.mode = mode
	r.mu.Unlock()
	r.hosted.fire()
	synctest.Wait()
}

var errTest = errors.New("fault of the test")
