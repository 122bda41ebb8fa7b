package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// VerifierOptions are what the proof needs of the other parts. The functions
// may be called from any goroutine.
type VerifierOptions struct {
	Endpoint config.Endpoint
	Domains  []string // resolver.domains
	Prober   *Prober
	Client   *Client
	// Path returns the path that the link carries now, if it carries any.
	Path func() (Path, bool)
	// PathChanged returns a channel that is closed at the next change of Path.
	// Optional: without it a new path is noticed with its first probe.
	PathChanged func() <-chan struct{}
	// Route makes the link route the addresses through its device.
	Route func(ctx context.Context, addrs ...netip.Addr) error
	// OSLookup asks as other programs on the device do. Optional.
	OSLookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// HostMode returns how the OS is pointed at the stub: a host mode.
	HostMode func() string
	// HostChanged returns a channel that is closed when that changes. Optional.
	HostChanged func() <-chan struct{}
	// Wrap, unless nil, is given each connection that Dial makes, to count what it
	// costs.
	Wrap  func(device string, c net.Conn) net.Conn
	Probe config.Probe
	Log   *slog.Logger
}

// Verifier is the stage "endpoint": it proves that every address of the
// endpoint is private, that the kernel sends it through the link, and that
// other programs on the device get the same addresses. Nothing is dialled
// without that proof, see [Verifier.Dial].
//
// It sends no probes: it judges the Prober's results, the kernel's tables and
// the path again whenever one of them changes.
type Verifier struct {
	o      VerifierOptions
	ask    asker
	kernel kernel
	again  chan struct{} // a dial met what the proof does not know yet

	mu      sync.Mutex
	proof   proof
	witness proof // the last that had addresses
	changed chan struct{}
}

// proof is what may be dialled now.
type proof struct {
	path  Path
	addrs []netip.Addr
}

// NewVerifier returns a Verifier that has proved nothing yet.
func NewVerifier(o VerifierOptions) *Verifier {
	if o.OSLookup == nil {
		o.OSLookup = osLookup
	}
	if o.PathChanged == nil {
		o.PathChanged = never
	}
	if o.HostChanged == nil {
		o.HostChanged = never
	}
	return &Verifier{
		o: o, ask: o.Client, kernel: fib{},
		again: make(chan struct{}, 1), changed: make(chan struct{}),
	}
}

func never() <-chan struct{} { return nil }

// String returns the stage's name, "endpoint".
func (v *Verifier) String() string { return "endpoint" }

// Addresses returns what is proved private at this moment, sorted; nothing
// unless the stage is usable.
func (v *Verifier) Addresses() []netip.AddrPort {
	v.mu.Lock()
	defer v.mu.Unlock()
	out := make([]netip.AddrPort, len(v.proof.addrs))
	for i, a := range v.proof.addrs {
		out[i] = netip.AddrPortFrom(a, v.o.Endpoint.Port)
	}
	return out
}

// Changed returns a channel that is closed when Addresses changes.
func (v *Verifier) Changed() <-chan struct{} {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.changed
}

// Run keeps the proof true until ctx ends. It returns an error only if changes
// of the kernel's tables can no longer be seen.
func (v *Verifier) Run(ctx context.Context, report status.Report) error {
	routes, err := v.kernel.watch(ctx)
	if err != nil {
		return err
	}
	defer v.publish(proof{})
	p := proving{Verifier: v, report: report, answers: make(chan osAnswer)}
	p.endpoint, p.probe, p.domains = v.o.Endpoint, v.o.Probe, v.o.Domains
	for {
		probed, moved, hosted := v.o.Prober.Changed(), v.o.PathChanged(), v.o.HostChanged()
		p.step(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-probed:
		case <-moved:
		case <-v.again:
		case <-alarm(p.wake()):
		case <-hosted:
			p.os.due = time.Time{}
		case a := <-p.answers:
			p.takeOS(a, time.Now())
		case _, ok := <-routes:
			if !ok && ctx.Err() == nil {
				return errors.New("route changes can no longer be seen")
			}
		}
	}
}

// alarm returns a channel that delivers at that time, never for zero. Nobody
// need stop it: a channel timer sleeps when nobody waits for it.
func alarm(t time.Time) <-chan time.Time {
	if t.IsZero() {
		return nil
	}
	return time.After(time.Until(t))
}

// proving is one call of Run.
type proving struct {
	*Verifier
	evidence
	report   status.Report
	reported status.Update
	answers  chan osAnswer
}

// step takes in what is new and reports what it comes to. What stops being
// true is withdrawn before it is reported, what becomes true after nothing.
func (p *proving) step(ctx context.Context) {
	path, ok := p.o.Path()
	if !ok || !path.same(p.path) {
		p.publish(proof{})
		p.begin(path)
	}
	if !ok {
		p.shut(status.ReasonNoRoute, "the link carries no path")
		p.tell()
		return
	}
	// Only what came over this very path counts: a standby link may be in
	// another VPC, with other addresses of the same name.
	if r, ok := p.o.Prober.lastOver(path); ok && r.seq != p.seen {
		p.take(r)
	}
	p.expire(time.Now())
	p.mode = p.o.HostMode()
	p.settleRoutes(ctx)
	p.publish(proof{path: path, addrs: p.proved()})
	p.tell()
	p.askOS(ctx)
}

// tell reports the verdict if it is news.
func (p *proving) tell() {
	u := p.judge()
	if reflect.DeepEqual(u, p.reported) {
		return
	}
	logChange(p.o.Log, p.String(), p.reported, u)
	p.reported = u
	p.report(u)
}

// settleRoutes looks where the kernel sends the addresses and has the link make
// routes: once for each set of addresses, and again when something else takes one.
func (p *proving) settleRoutes(ctx context.Context) {
	if !p.answered() {
		return
	}
	p.route = p.leave(p.path, p.answer.Addresses)
	now := time.Now()
	switch {
	case p.routed && p.route == nil:
		p.pause = routeRetry
		return
	case p.routed:
		// A loss is a loss, however soon the link puts the route back.
		p.publish(proof{})
		p.tell()
		if now.Before(p.nextRoute) {
			return
		}
	}
	// What counts is where packets go, not what the link says of its work.
	routeErr := p.o.Route(ctx, p.answer.Addresses...)
	p.route = p.leave(p.path, p.answer.Addresses)
	p.routed, p.nextRoute = true, now.Add(p.pause)
	p.pause = min(2*p.pause, routeRetryMax)
	if p.route != nil && routeErr != nil {
		p.route = fmt.Errorf("%w; %w", p.route, routeErr)
	}
}

// leave returns nil if the kernel sends all addresses through the path's device.
func (v *Verifier) leave(path Path, addrs []netip.Addr) error {
	for _, a := range addrs {
		if err := v.kernel.leaves(a, path); err != nil {
			return err
		}
	}
	return nil
}

// askOS starts the OS's own lookup when it is due. It may take seconds, and
// nothing waits for it.
func (p *proving) askOS(ctx context.Context) {
	if !p.wantsOS() || time.Now().Before(p.os.due) {
		return
	}
	p.os.asking = true
	go func() {
		askCtx, cancel := context.WithTimeout(ctx, osTimeout)
		defer cancel()
		addrs, err := p.o.OSLookup(askCtx, p.o.Endpoint.Host)
		select {
		case p.answers <- osAnswer{addrs: addrs, err: err}:
		case <-ctx.Done():
		}
	}()
}

// publish makes a proof the one that counts.
func (v *Verifier) publish(p proof) {
	v.mu.Lock()
	defer v.mu.Unlock()
	before := v.proof.addrs
	v.proof = p
	if slices.Equal(before, p.addrs) {
		return
	}
	if len(p.addrs) > 0 {
		v.witness = p
	}
	if len(before) > 0 && len(p.addrs) > 0 {
		v.o.Log.Info("the endpoint has other addresses", "before", before, "now", p.addrs)
	}
	close(v.changed)
	v.changed = make(chan struct{})
}

// recheck has Run judge again now.
func (v *Verifier) recheck() {
	select {
	case v.again <- struct{}{}:
	default:
	}
}
