package vpn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"edgeagent/internal/status"
)

// phase is how far the process has come.
type phase int

const (
	idle       phase = iota // no process; startTimer says when there will be
	seeking                 // nor now: the server's name is being looked up for one
	launching               // started, but its management socket is not reached yet
	holding                 // it waits for its release
	connecting              // released
	connected               // OpenVPN says so; whether the path carries is for health to say
	ending                  // asked to end
)

// keeper keeps one run's state. Only its own goroutine touches it.
type keeper struct {
	o      *OpenVPN
	ctx    context.Context
	log    *slog.Logger
	report status.Report

	// The process, and what was told to it.
	phase phase
	proc  process
	mgmt  *management
	// asked: its end was asked for, to start another at once.
	asked bool
	// fresh: it has not been released yet, so its words are on its output only.
	fresh bool
	// ordered: the agent ordered the reconnect that is going on.
	ordered bool
	// killed by the agent, as it did not end otherwise.
	killed bool
	// questioned: it said nothing, and was asked whether it lives.
	questioned bool
	// verdict is why a process is ended that shall not come back at once.
	verdict *cause

	// The user's file and certificate, as they were at the last start.
	prof *profile
	id   identity
	// terms are those of the handover.
	terms string
	// expired is what is wrong with the certificate in use.
	expired *cause
	// stamps are of the files, when they were refused.
	stamps string

	// The attempt or connection that goes on.
	attempt attempt
	push    pushed
	// pending is the server whose address is being looked up.
	pending remote
	// pin is the server's address in the configuration that the process has read;
	// without one it asks.
	pin netip.Addr
	// next is the address to try next, where that is decided.
	next    netip.Addr
	servers servers
	// rejects are handshakes in a row that died after our certificate.
	rejects int

	// cause is why the path is not there; nil: it is, or nothing is known.
	cause *cause
	// blamed is when that was last seen.
	blamed time.Time

	// The path of the connection; it is usable once health says so.
	path   *Path
	device device
	// since is when it was proved.
	since   time.Time
	routing routing

	// The network around it.
	net view
	// target is the VPN server's address that was tried last, up the way to it,
	// origin the way by which the connection was made.
	target     netip.Addr
	up, origin hop

	health  health
	hearing hearing
	// turn is the latest probe's; giveUp ends it before its time.
	turn   int
	giveUp context.CancelFunc
	ladder ladder
	// soft is the one rung for a silent resolver.
	soft   ladder
	timers timers
	// starts, connects and lookups pace processes, connections and lookups.
	starts, connects, lookups backoff

	// Figures for the facts.
	in, out uint64
	rtt     time.Duration
	shown   shown

	// over ends the run.
	over error

	// What runs beside the loop sends its outcome here.
	dialed chan dialed
	probed chan probed
	looked chan found
	// events are the kernel's.
	events <-chan struct{}
}

// dialed is the outcome of reaching a process's management socket.
type dialed struct {
	proc process
	conn net.Conn
	err  error
}

// probed is the outcome of one probe.
type probed struct {
	path  *Path // the one asked, as an identity
	turn  int   // of the probe
	began time.Time
	rtt   time.Duration
	err   error
}

// errStartOver is the last rung of the ladder.
var errStartOver = errors.New("starting over: nothing gentler brought the path back")

// newKeeper returns the state of a run before its first event.
func newKeeper(ctx context.Context, o *OpenVPN, report status.Report) *keeper {
	rungs := openVPNRungs(o.opts.Recovery)
	return &keeper{
		o: o, ctx: ctx, report: report, log: o.opts.Log.With("link", o.opts.Link.Name),
		servers:  servers{lookup: o.opts.Lookup, known: map[string][]netip.Addr{}, tried: map[netip.Addr]int{}},
		routing:  newRouting(),
		health:   health{probe: o.opts.Probe, metered: o.opts.Link.Metered},
		hearing:  newHearing(o.opts.Witness),
		ladder:   ladder{rungs: rungs, count: &o.climbed},
		soft:     ladder{rungs: rungs[:min(1, len(rungs))]},
		timers:   timers{},
		giveUp:   func() {},
		starts:   backoff{base: processBase, limit: processMax},
		connects: backoff{base: connectBase, limit: connectMax},
		lookups:  backoff{base: lookupBase, limit: lookupMax},
		dialed:   make(chan dialed),
		probed:   make(chan probed),
		looked:   make(chan found),
	}
}

// run is the loop: one event, what follows from it, what is shown.
func (k *keeper) run(ctx context.Context) error {
	if err := k.begin(ctx); err != nil {
		return err
	}
	defer k.stop()
	clock := time.NewTimer(0)
	defer clock.Stop()
	for k.over == nil {
		k.publish(time.Now())
		clock.Reset(k.untilNext(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
			k.step(time.Now())
		case e := <-k.events:
			k.changed(time.Now(), e)
		case m, ok := <-k.messages():
			k.message(time.Now(), m, ok)
		case x := <-k.exits():
			k.exited(time.Now(), x)
		case d := <-k.dialed:
			k.reached(d)
		case p := <-k.probed:
			k.answer(time.Now(), p)
		case t := <-k.hearing.heard:
			k.testified(time.Now(), t)
		case <-k.o.doubts:
			k.suspect(time.Now())
		case f := <-k.looked:
			k.found(time.Now(), f)
		case r := <-k.o.requests:
			r.done <- k.serve(time.Now(), r)
		}
	}
	return k.over
}

// begin takes over what an earlier run left for it, or takes away what is left,
// and watches the network.
func (k *keeper) begin(ctx context.Context) error {
	var err error
	if k.events, err = k.o.kernel.Watch(ctx); err != nil {
		return err
	}
	if k.net, err = k.o.kernel.View(); err != nil {
		return err
	}
	if now := time.Now(); k.inherit(now) {
		k.timers.set(factsTimer, now.Add(factsEvery))
		return nil
	}
	if err := k.o.engine.Clean(); err != nil {
		return err
	}
	if left := k.net.ours(); len(left) > 0 {
		k.log.Warn("removing routes that an earlier run left", "routes", len(left))
		if err := k.o.kernel.Change(left, nil); err != nil {
			return err
		}
	}
	k.up = k.net.uplink(netip.Addr{}, 0)
	now := time.Now()
	k.timers.set(startTimer, now)
	k.timers.set(factsTimer, now.Add(factsEvery))
	return nil
}

// untilNext returns how long the loop may sleep.
func (k *keeper) untilNext(now time.Time) time.Duration {
	k.timers.set(probeTimer, k.health.next)
	k.timers.set(silenceTimer, k.health.silenceAt())
	for id, l := range map[timer]*ladder{ladderTimer: &k.ladder, softTimer: &k.soft} {
		_, at, _ := l.next()
		k.timers.set(id, at)
	}
	next := k.timers.next()
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), 0)
}

// step does what is due.
func (k *keeper) step(now time.Time) {
	for _, d := range []struct {
		id timer
		do func(time.Time)
	}{
		{startTimer, k.start},
		{dialTimer, func(now time.Time) { k.unreachable(now, errors.New("no answer in time")) }},
		{endTimer, k.insist},
		{releaseTimer, k.release},
		{lookupTimer, k.seek},
		{wakeTimer, k.wake},
		{inspectTimer, k.inspect},
		{deviceTimer, k.replaceDeviceless},
		{silenceTimer, k.health.noticeSilence},
		{speechTimer, k.doubt},
		{probeTimer, k.startProbe},
		{ladderTimer, k.climb},
		{softTimer, k.climbSoft},
		{anewTimer, k.anew},
		{watchTimer, k.watchFiles},
		{certTimer, k.checkIdentity},
		{factsTimer, func(now time.Time) { k.shown.stale = true; k.timers.set(factsTimer, now.Add(factsEvery)) }},
	} {
		if k.timers.due(d.id, now) {
			d.do(now)
		}
	}
}

// serve answers a request from outside.
func (k *keeper) serve(now time.Time, r request) error {
	if r.restart {
		k.log.Info("restart asked for")
		k.blame(now, cause{reason: status.ReasonRecovering, text: "restarted on request"})
		k.starts.reset()
		k.connects.reset()
		k.restart(now)
		return nil
	}
	k.routing.need(r.addrs)
	if k.phase != connected || k.path == nil {
		return fmt.Errorf("routing %v: %w", r.addrs, ErrDown)
	}
	return k.route()
}

// deliver hands the outcome of something that ran beside the loop to it.
func deliver[T any](ctx context.Context, to chan<- T, v T) bool {
	select {
	case to <- v:
		return true
	case <-ctx.Done():
		return false
	}
}
