// Package vpn is the stage "link": the way into the VPC.
//
// OpenVPN runs as a child that is driven over its management socket. The agent
// owns what other set-ups leave to scripts: which server address is dialled,
// the routes, and when to try again. The link is up when OpenVPN is connected
// and something in the VPC has answered through the tun device.
//
// # How it is built
//
// One goroutine, the keeper, owns all state of a run. What comes from outside
// (management lines, the process's end, netlink, probes, lookups, requests)
// reaches it as events; what it must not forget are named timers. The parts
// that decide keep no clock and do no I/O: parsing, diagnosis, health, ladder,
// route plan.
//
// # Up and down
//
// CONNECTED is not up, and the device's existence proves nothing: it stays
// through ping-restart and through every wait for a handshake. A probe must
// have been answered. Down is what OpenVPN says (RECONNECTING, EXITING), what
// the kernel says (device, address, uplink), or what probes say once the
// server's pings have stayed out too. If probes fail while bytes arrive, witnesses
// are asked (witness.go): as long as one answers, it is the VPC resolver's fault, is
// left to the stage "dns" and cuts nothing. If none does, what is sent is lost: the
// path is down, and made anew. Where there is none to ask, the resolver is blamed,
// and the link is made anew once, in case it was the other direction.
//
// Any loss, and any change of device, index, address or resolvers, is reported
// even if the path is back in the same millisecond: what was built on it is dead.
//
// # Device and routes
//
// The device stays during a reconnect (persist-tun), and so do the routes in
// it: packets meant for the VPC are lost there, instead of leaving by the
// uplink in the open. OpenVPN itself sets no route (route-noexec).
//
// # Links that something else dials
//
// An Interface (Canal over a modem, Arc over WireGuard, a router's leg) is built
// the same way. Its one goroutine is the warden; a pulse stands for health, as
// nothing but the probe and the broker's traffic proves the path; what a rung of
// the ladder does is a Rescue's affair. It says where the way is broken: device,
// carrier, address, the carrier's network, the VPC.
//
// # Several links
//
// Links runs them side by side and lets the first healthy one carry. Decisions
// are made in the very call by which a link reports, so that a loss is told, and
// the routes are moved, before the link goes on. roads owns the routes of all:
// each link sees a kernel in which it is alone (lane), only the front link's
// routes are in the real one, and unreachable routes stand behind them.
//
// # Whose process it is
//
// OpenVPN is a child in a process group of its own. It is not bound to the
// agent's life by PDEATHSIG, which watches the thread that forked. An agent that
// is replaced leaves the process, its management connection and what the server
// pushed to the next one (handover.go): device, address and routes stay. A killed
// agent's OpenVPN waits at its next hold for somebody to release it; the next
// run finds it by the management socket in its command line and ends it.
package vpn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Path is where traffic into the VPC goes while the link is up.
type Path struct {
	Link    string       // the link's name in the configuration
	Device  string       // the tun device, e.g. tun0
	Index   int          // its interface index; another one is another device
	Address netip.Prefix // this end's address in the tunnel
	Servers []netip.Addr // VPC resolvers: configured, else pushed by the server
}

// Options is what an OpenVPN link is made of. All fields are required but
// Servers, Witness and Alive.
type Options struct {
	Link     config.Link
	Probe    config.Probe
	Recovery config.Recovery
	// Servers are the VPC resolvers of the configuration; empty: what the server pushes.
	Servers []netip.Addr
	// RuntimeDir is for the management socket, OpenVPN's configuration and pid file.
	RuntimeDir string
	// Lookup asks the uplink's name servers, and nobody else.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// ProbePath asks the VPC resolver through the path's device and returns the
	// round trip; a nil error means that something answered through it.
	ProbePath func(ctx context.Context, p Path) (time.Duration, error)
	// Witness is asked when the resolver does not answer; nil: there is none.
	Witness Witness
	// Alive returns when traffic last came in through the path; zero: unknown.
	Alive func() time.Time
	Clock *clock.Gate
	// Adopt is what another OpenVPN link has left, of this image or the one
	// before; nil: nothing. The first Run takes it over if it fits, and ends it if not.
	Adopt *Handover
	Log   *slog.Logger
}

// ErrDown is returned for what needs the link while it is not there.
var ErrDown = errors.New("the link is down")

// OpenVPN is the stage "link" over an OpenVPN client. Its methods are safe for
// concurrent use, but Run, which is called once at a time.
type OpenVPN struct {
	opts     Options
	engine   engine
	kernel   kernel
	requests chan request
	doubts   chan struct{} // somebody else has got no answer
	climbed  atomic.Int64  // rungs taken

	mu   sync.Mutex
	path *Path         // nil while not usable
	live chan struct{} // closed at the end of a Run; nil while there is none
	// leaving: the end of a Run leaves OpenVPN as it is. left is what it left, or
	// what none has taken over yet.
	leaving bool
	left    *Handover
	// hasty: another link is ready to take over, so the verdict is to come soon.
	hasty bool
}

// request is something a run is asked for. The answer is sent to done.
type request struct {
	addrs   []netip.Addr // to be routed
	restart bool
	done    chan error
}

// NewOpenVPN returns the link. It touches neither files nor network.
func NewOpenVPN(o Options) (*OpenVPN, error) {
	p, err := newProgram(o.Link, o.RuntimeDir)
	if err != nil {
		return nil, fmt.Errorf("link %s: %w", o.Link.Name, err)
	}
	if o.Lookup == nil || o.ProbePath == nil || o.Clock == nil || o.Log == nil {
		return nil, fmt.Errorf("link %s: Lookup, ProbePath, Clock and Log are required", o.Link.Name)
	}
	if o.Alive == nil {
		o.Alive = func() time.Time { return time.Time{} }
	}
	return newOpenVPN(o, p, linux{}), nil
}

// newOpenVPN takes the parts that tests replace.
func newOpenVPN(o Options, e engine, k kernel) *OpenVPN {
	return &OpenVPN{opts: o, engine: e, kernel: k, requests: make(chan request), doubts: make(chan struct{}, 1), left: o.Adopt}
}

// String names the stage.
func (*OpenVPN) String() string { return "link" }

// Run keeps the link up until ctx ends. It returns an error if it cannot begin,
// or to be called again when everything else has failed (the last rung of the
// recovery ladder). Process, routes and files are gone when it returns, but
// after Leave.
func (o *OpenVPN) Run(ctx context.Context, report status.Report) error {
	live := make(chan struct{})
	o.mu.Lock()
	o.live = live
	o.mu.Unlock()
	defer func() {
		o.publish(nil)
		o.mu.Lock()
		o.live = nil
		o.mu.Unlock()
		close(live)
	}()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	return newKeeper(ctx, o, report).run(ctx)
}

// Path returns where traffic goes; false while the link is not usable.
func (o *OpenVPN) Path() (Path, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.path == nil {
		return Path{}, false
	}
	return *o.path, true
}

// publish sets what Path returns.
func (o *OpenVPN) publish(p *Path) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.path = p
}

// Route makes each address leave by the link's device, now and after every
// reconnect of the same Run. The kernel's own word is asked: the error names
// addresses that leave by another device all the same. Before the link is
// connected the addresses are noted and the error wraps ErrDown.
func (o *OpenVPN) Route(ctx context.Context, addrs ...netip.Addr) error {
	return o.ask(ctx, request{addrs: addrs})
}

// Restart starts over with a new process, for a person who asked for it. It
// returns as soon as that has begun.
func (o *OpenVPN) Restart(ctx context.Context) error {
	return o.ask(ctx, request{restart: true})
}

// ask hands a request to the run, if there is one, and waits for its answer.
func (o *OpenVPN) ask(ctx context.Context, r request) error {
	o.mu.Lock()
	live := o.live
	o.mu.Unlock()
	return hand(ctx, live, o.requests, r)
}

// hand gives r to the run that lives until live is closed; nil: none does. The
// end of the run is an answer as well: nobody waits for ever.
func hand(ctx context.Context, live <-chan struct{}, requests chan<- request, r request) error {
	if live == nil {
		return ErrDown
	}
	r.done = make(chan error, 1)
	select {
	case requests <- r:
	case <-live:
		return ErrDown
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-r.done:
		return err
	case <-live:
		return ErrDown
	}
}
