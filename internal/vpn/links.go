package vpn

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// LinksOptions is what the ordered links are made of. Rescue, Witness, Meter,
// Alive and Adopt are optional.
type LinksOptions struct {
	Links    []config.Link // the preferred first
	Probe    config.Probe
	Recovery config.Recovery
	// Servers, RuntimeDir, Lookup, ProbePath and Alive are as in Options.
	Servers    []netip.Addr
	RuntimeDir string
	Lookup     func(ctx context.Context, host string) ([]netip.Addr, error)
	ProbePath  func(ctx context.Context, p Path) (time.Duration, error)
	Alive      func() time.Time
	Witness    Witness // as in Options
	// Rescue returns who recovers a link of type interface; nil: nobody.
	Rescue func(l config.Link) Rescue
	// Meter counts what the agent spends on each device; wrap its connections.
	Meter *Meter
	// Adopt returns what an OpenVPN link of that name has left; nil: nothing.
	Adopt func(name string) *Handover
	// Carried names the link that carried the path of the agent before this one,
	// and is to carry on; "": none.
	Carried string
	Clock   *clock.Gate
	Log     *slog.Logger
}

// ErrUnknown is wrapped by the error for a link that is not in the configuration.
var ErrUnknown = errors.New("no such link")

// Links is the stage "link" over several links in order: the first healthy one
// carries the path. Its methods are safe for concurrent use, but Run, which is
// called once at a time.
//
// Each link runs by itself, and whoever depends on the path sees one link only.
// A switch is a loss to them, however short: the path is withdrawn and the loss
// reported, the routes are moved, and only then the other path is there.
type Links struct {
	o       LinksOptions
	roads   *roads
	members []*member
	poke    chan struct{} // something to wait for has changed
	// open is the member whose path may be used; nil: none. It has no lock, so
	// that Path can be called by whoever is told a report.
	open atomic.Pointer[member]

	mu      sync.Mutex
	report  status.Report // nil while there is no Run
	over    func() bool   // the Run is ending: nothing is decided any more
	told    status.Update
	front   *member   // that carries, or is to; nil: none yet
	began   time.Time // the Run
	heir    *member   // carried before the agent was replaced; nil: none, or it has had its turn
	carried string    // the link that carried when Leave was called
	lost    time.Time // when front was lost
	wake    time.Time // when to decide again; zero: at the next event
	leaving bool
	moves   int // the path went from one link to another
}

// carrier is one link: an OpenVPN or an Interface.
type carrier interface {
	Run(ctx context.Context, report status.Report) error
	Path() (Path, bool)
	Route(ctx context.Context, addrs ...netip.Addr) error
	Restart(ctx context.Context) error
	Pace() time.Duration
	Leave()
	serve(d duty)
	doubt()       // somebody else got no answer through it
	rungs() int64 // of the ladder that were taken, ever
}

// NewLinks returns the links. It touches neither files nor network.
func NewLinks(o LinksOptions) (*Links, error) {
	if len(o.Links) == 0 || o.Clock == nil || o.Log == nil {
		return nil, errors.New("links: Links, Clock and Log are required")
	}
	if o.Meter == nil {
		o.Meter = &Meter{}
	}
	l := newLinks(o, linux{})
	for _, c := range o.Links {
		m := l.add(c)
		run, err := l.carrier(c, m)
		if err != nil {
			return nil, err
		}
		m.run = run
	}
	l.inherit()
	return l, nil
}

// newLinks takes the kernel that tests replace. Members are added to it.
func newLinks(o LinksOptions, k interfaceKernel) *Links {
	return &Links{o: o, roads: newRoads(k, o.Links), poke: make(chan struct{}, 1)}
}

// inherit finds the link that carried before this agent.
func (l *Links) inherit() {
	if i := slices.Index(l.names(), l.o.Carried); i >= 0 {
		l.heir = l.members[i]
	}
}

// add appends a member that has no link yet.
func (l *Links) add(c config.Link) *member {
	m := &member{link: c, lane: l.roads.lane(c), hold: holdBase, wanted: make(chan struct{}, 1)}
	l.members = append(l.members, m)
	return m
}

// carrier makes the link of a configuration entry.
func (l *Links) carrier(c config.Link, m *member) (carrier, error) {
	alive := func() time.Time { return l.aliveOf(m) }
	if c.Type == config.LinkInterface {
		o := InterfaceOptions{
			Link: c, Probe: l.o.Probe, Recovery: l.o.Recovery, Servers: l.o.Servers, ProbePath: l.o.ProbePath,
			Witness: l.o.Witness, Alive: alive, Meter: l.o.Meter, Log: l.o.Log,
		}
		if l.o.Rescue != nil {
			o.Rescue = l.o.Rescue(c)
		}
		return newInterface(o, m.lane), o.check()
	}
	o := Options{
		Link: c, Probe: l.o.Probe, Recovery: l.o.Recovery, Servers: l.o.Servers, RuntimeDir: l.o.RuntimeDir,
		Lookup: l.o.Lookup, ProbePath: l.o.ProbePath, Alive: alive, Clock: l.o.Clock, Log: l.o.Log,
	}
	o.Witness = besideEcho(l.o.Witness, func(ctx context.Context, p Path) error {
		return echoTunnel(ctx, p, func(n int) { l.o.Meter.Add(p.Device, n) })
	})
	if l.o.Adopt != nil {
		o.Adopt = l.o.Adopt(c.Name)
	}
	vpn, err := NewOpenVPN(o)
	if err != nil {
		return nil, err
	}
	vpn.kernel = m.lane
	return vpn, nil
}

// aliveOf returns when traffic last came in through m: what the broker's session
// received before the switch came through another link.
func (l *Links) aliveOf(m *member) time.Time {
	l.mu.Lock()
	mine, since := l.open.Load() == m, m.chosen
	l.mu.Unlock()
	if !mine || l.o.Alive == nil {
		return time.Time{}
	}
	if at := l.o.Alive(); at.After(since) {
		return at
	}
	return time.Time{}
}

// String names the stage.
func (*Links) String() string { return "link" }

// Run keeps the links, each for itself, until ctx ends. It returns an error only
// if the network cannot be watched. Routes and guards are gone when it returns,
// but after Leave.
func (l *Links) Run(ctx context.Context, report status.Report) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	events, err := l.roads.Watch(ctx)
	if err != nil {
		return err
	}
	if err := l.roads.resume(); err != nil {
		err = fmt.Errorf("guarding the VPC's ranges: %w", err)
		if errors.Is(err, fs.ErrPermission) { // started by hand: no fault of the program
			report(status.Update{State: status.Down, Reason: status.ReasonTunUnavailable, Detail: err.Error()})
		}
		return err
	}
	l.mu.Lock()
	l.report, l.began, l.told, l.front = report, time.Now(), status.Update{}, nil
	l.over = func() bool { return ctx.Err() != nil }
	l.decide(l.began)
	l.mu.Unlock()
	var running sync.WaitGroup
	for _, m := range l.members {
		running.Go(func() { l.keep(ctx, m) })
	}
	l.watch(ctx, events)
	running.Wait()
	return l.end()
}

// end closes a run.
func (l *Links) end() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open.Store(nil)
	l.report, l.front = nil, nil
	if l.leaving {
		return nil
	}
	if err := l.roads.clear(); err != nil {
		l.o.Log.Error("clearing up the links", "err", err)
	}
	return nil
}

// watch decides when it is time, and keeps the guards, until ctx ends.
func (l *Links) watch(ctx context.Context, events <-chan struct{}) {
	clock, guards := time.NewTimer(0), time.NewTimer(time.Hour)
	defer clock.Stop()
	defer guards.Stop()
	for {
		l.mu.Lock()
		wait := time.Hour
		if !l.wake.IsZero() {
			wait = max(time.Until(l.wake), 0)
		}
		l.mu.Unlock()
		clock.Reset(wait)
		select {
		case <-ctx.Done():
			return
		case <-l.poke:
		case <-clock.C:
			l.mu.Lock()
			l.decide(time.Now())
			l.mu.Unlock()
		case <-events:
			guards.Reset(inspectEvery)
		case <-guards.C:
			if err := l.roads.tend(); err != nil {
				l.o.Log.Warn("guarding the VPC's ranges", "err", err)
			}
		}
	}
}

// Path returns where traffic goes; false while no link is usable.
func (l *Links) Path() (Path, bool) {
	if m := l.open.Load(); m != nil {
		return m.run.Path()
	}
	return Path{}, false
}

// Route makes each address leave by the link that carries the path, and has it
// refused on this device wherever no link takes it.
func (l *Links) Route(ctx context.Context, addrs ...netip.Addr) error {
	if err := l.roads.guard(addrs...); err != nil {
		l.o.Log.Warn("guarding the VPC's addresses", "err", err)
	}
	l.mu.Lock()
	m := l.front
	l.mu.Unlock()
	if m == nil {
		return fmt.Errorf("routing %v: %w", addrs, ErrDown)
	}
	return m.run.Route(ctx, addrs...)
}

// Pace returns how often others may ask over the link that carries the path what
// a probe asks.
func (l *Links) Pace() time.Duration {
	l.mu.Lock()
	m := l.front
	l.mu.Unlock()
	if m == nil {
		m = l.members[0]
	}
	return m.run.Pace()
}

// Doubt has the link that carries the path looked at now: somebody has got no
// answer through it. It never blocks.
func (l *Links) Doubt() {
	if m := l.open.Load(); m != nil {
		m.run.doubt()
	}
}

// Restart begins a link anew, for a person who asked for it; an empty name means
// the one that carries the path. An unknown name is an error that wraps ErrUnknown.
func (l *Links) Restart(ctx context.Context, name string) error {
	l.mu.Lock()
	m := l.front
	l.mu.Unlock()
	if m == nil {
		m = l.members[0]
	}
	if name != "" {
		i := slices.IndexFunc(l.members, func(m *member) bool { return m.link.Name == name })
		if i < 0 {
			return fmt.Errorf("%w: %q; there is %s", ErrUnknown, name, strings.Join(l.names(), ", "))
		}
		m = l.members[i]
	}
	err := m.run.Restart(ctx)
	if errors.Is(err, ErrDown) {
		return fmt.Errorf("link %s is not dialled before it is needed: %w", m.link.Name, err)
	}
	return err
}

// Leave has the end of the Run that goes on leave everything as it is, for an
// agent that takes over: each OpenVPN that is connected, all routes and guards.
func (l *Links) Leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = true
	if l.front != nil && !l.front.usable.IsZero() {
		l.carried = l.front.link.Name
	}
	for _, m := range l.members {
		m.run.Leave()
	}
}

// Carried returns the name of the link that carried the path when Leave was
// called; "": none did.
func (l *Links) Carried() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.carried
}

// Settle is called after the last Run, as OpenVPN's is: it returns what goes on.
func (l *Links) Settle() []*Handover {
	var out []*Handover
	for _, m := range l.members {
		if o, ok := m.run.(*OpenVPN); ok {
			if h := o.Settle(); h != nil {
				out = append(out, h)
			}
		}
	}
	return out
}

// names are the links' names in their order.
func (l *Links) names() []string {
	var out []string
	for _, m := range l.members {
		out = append(out, m.link.Name)
	}
	return out
}
