package vpn

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// InterfaceOptions is what a link is made of that something else dials. All
// fields are required but Witness, Alive, Meter and Rescue.
type InterfaceOptions struct {
	Link     config.Link
	Probe    config.Probe
	Recovery config.Recovery
	// Servers are the VPC resolvers: such a link pushes none.
	Servers []netip.Addr
	// ProbePath, Witness and Alive are as for OpenVPN.
	ProbePath func(ctx context.Context, p Path) (time.Duration, error)
	Witness   Witness
	Alive     func() time.Time
	// Meter counts what the agent itself spends on the device.
	Meter *Meter
	// Rescue takes the rungs of the ladder; nil: nothing here dials the link.
	Rescue Rescue
	Log    *slog.Logger
}

// Interface is the stage "link" over a device that something else brings up:
// SORACOM Canal over a modem, Arc over WireGuard, a router's leg. Its methods
// are safe for concurrent use, but Run, which is called once at a time.
//
// It is up when one of its devices exists, has a carrier and an IPv4 address,
// and something in the VPC has answered through it.
type Interface struct {
	opts   InterfaceOptions
	kernel interfaceKernel
	pong   func(ctx context.Context, device string) (time.Duration, error)

	requests chan request
	nudges   chan struct{} // the duty has changed
	doubts   chan struct{} // somebody else has got no answer
	news     chan struct{} // what the Rescue says may have changed
	rescuing sync.Mutex    // Rescue does one thing at a time
	climbed  atomic.Int64  // rungs taken

	mu   sync.Mutex
	path *Path         // nil while not usable
	live chan struct{} // closed at the end of a Run; nil while there is none
	duty duty
	// leaving: the end of a Run leaves the routes as they are.
	leaving bool
}

// interfaceKernel is what an Interface needs of the operating system's network.
type interfaceKernel interface {
	kernel
	binder
}

// duty is what a link is for at the moment.
type duty struct {
	standby bool // another link carries, and is to be preferred
	hasty   bool // another link is ready to take over: be sure quickly
}

// NewInterface returns the link. It touches neither files nor network.
func NewInterface(o InterfaceOptions) (*Interface, error) {
	return newInterface(o, linux{}), o.check()
}

// check names what is missing.
func (o InterfaceOptions) check() error {
	if len(o.Link.Interface) == 0 || o.ProbePath == nil || o.Log == nil {
		return fmt.Errorf("link %s: Link.Interface, ProbePath and Log are required", o.Link.Name)
	}
	return nil
}

// newInterface takes the kernel that tests replace.
func newInterface(o InterfaceOptions, k interfaceKernel) *Interface {
	if o.Alive == nil {
		o.Alive = func() time.Time { return time.Time{} }
	}
	if o.Meter == nil {
		o.Meter = &Meter{}
	}
	i := &Interface{opts: o, kernel: k, requests: make(chan request), nudges: make(chan struct{}, 1), doubts: make(chan struct{}, 1), news: make(chan struct{}, 1)}
	i.pong = func(ctx context.Context, device string) (time.Duration, error) {
		return ping(ctx, device, pongAddress, func(n int) { o.Meter.Add(device, n) })
	}
	return i
}

// String names the stage.
func (*Interface) String() string { return "link" }

// Run watches the device and keeps the path through it until ctx ends. It
// returns an error only if it cannot begin. Its routes are gone when it
// returns; the device is left as it is.
func (i *Interface) Run(ctx context.Context, report status.Report) error {
	live := make(chan struct{})
	i.mu.Lock()
	i.live = live
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		i.path, i.live = nil, nil
		i.mu.Unlock()
		close(live)
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go i.listen(ctx)
	return newWarden(ctx, i, report).run(ctx)
}

// newsworthy is a Rescue that tells when what it says may have changed: a PIN was
// entered, a modem plugged in. Watch returns when ctx ends.
type newsworthy interface {
	Watch(ctx context.Context, changed func())
}

// listen passes the Rescue's news on, if it has any.
func (i *Interface) listen(ctx context.Context) {
	if r, ok := i.opts.Rescue.(newsworthy); ok {
		r.Watch(ctx, func() { nudge(i.news) })
	}
}

// Path returns where traffic goes; false while the link is not usable.
func (i *Interface) Path() (Path, bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.path == nil {
		return Path{}, false
	}
	p := *i.path
	p.Servers = slices.Clone(p.Servers)
	return p, true
}

// Route makes each address leave by the link's device, as OpenVPN's does.
func (i *Interface) Route(ctx context.Context, addrs ...netip.Addr) error {
	return hand(ctx, i.running(), i.requests, request{addrs: addrs})
}

// Restart has the link dialled anew, for a person who asked for it. It returns
// as soon as that has begun.
func (i *Interface) Restart(ctx context.Context) error {
	return hand(ctx, i.running(), i.requests, request{restart: true})
}

// Leave has the end of the Run that goes on leave the routes as they are, for an
// agent that takes over.
func (i *Interface) Leave() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.leaving = true
}

// isLeaving reports whether Leave was called.
func (i *Interface) isLeaving() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.leaving
}

// Pace returns how often others may ask over the link what a probe asks.
func (i *Interface) Pace() time.Duration {
	p := pulse{probe: i.opts.Probe, metered: i.opts.Link.Metered}
	return questionPace(p.interval(), i.opts.Link.Metered)
}

// rungs implements carrier.
func (i *Interface) rungs() int64 { return i.climbed.Load() }

// serve tells the link what it is for now.
func (i *Interface) serve(d duty) {
	i.mu.Lock()
	same := i.duty == d
	i.duty = d
	i.mu.Unlock()
	if same {
		return
	}
	nudge(i.nudges)
}

// current returns what the link is for now.
func (i *Interface) current() duty {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.duty
}

// doubt implements carrier.
func (i *Interface) doubt() { nudge(i.doubts) }

// running returns the channel that is closed at the end of the run; nil if there is none.
func (i *Interface) running() chan struct{} {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.live
}

// publish sets what Path returns.
func (i *Interface) publish(p *Path) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.path = p
}
