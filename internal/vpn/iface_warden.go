package vpn

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"edgeagent/internal/status"
)

// Moments that a warden waits for, beside the probe's and the ladder's.
const (
	lookTimer    timer = iota + 100 // look at the network
	retouchTimer                    // examine again: facts, a refusal, a pong that answered
)

// warden keeps the state of one run of an Interface. Only its own goroutine
// touches it; what takes time runs beside it and reports back.
type warden struct {
	i      *Interface
	ctx    context.Context
	log    *slog.Logger
	report status.Report

	net     view
	device  device // that exists; zero index: none
	gateway netip.Addr
	path    *Path // of the device; it is usable once pulse says so
	routing routing
	bound   device     // that has a way of its own
	boundBy netip.Addr // the gateway of that way

	pulse   pulse
	hearing hearing
	turn    int // the latest probe's
	giveUp  context.CancelFunc
	rtt     time.Duration

	// cause is why the path is not there; nil: it is, or nothing is known.
	cause  *cause
	blamed time.Time
	since  time.Time // when the path was proved

	rescue rescue
	timers timers
	shown  shown
	duty   duty

	probed   chan probed
	examined chan examined
	done     chan doneRung
	events   <-chan struct{}
}

// newWarden returns the state of a run before its first event.
func newWarden(ctx context.Context, i *Interface, report status.Report) *warden {
	rungs := dialledRungs(i.opts.Recovery)
	return &warden{
		i: i, ctx: ctx, report: report, log: i.opts.Log.With("link", i.opts.Link.Name),
		routing: newRouting(),
		pulse:   pulse{probe: i.opts.Probe, metered: i.opts.Link.Metered},
		hearing: newHearing(i.opts.Witness),
		giveUp:  func() {},
		rescue:  rescue{ladder: ladder{rungs: rungs, only: []string{}, count: &i.climbed}, urgent: i.opts.Rescue != nil},
		timers:  timers{},
		duty:    i.current(),
		probed:  make(chan probed), examined: make(chan examined), done: make(chan doneRung),
	}
}

// run is the loop: one event, what follows from it, what is shown.
func (w *warden) run(ctx context.Context) error {
	var err error
	if w.events, err = w.i.kernel.Watch(ctx); err != nil {
		return err
	}
	defer w.stop()
	w.look(time.Now())
	clock := time.NewTimer(0)
	defer clock.Stop()
	for {
		w.publish(time.Now())
		clock.Reset(w.untilNext(time.Now()))
		select {
		case <-ctx.Done():
			return nil
		case <-clock.C:
			w.step(time.Now())
		case <-w.events:
			w.timers.sooner(lookTimer, time.Now().Add(inspectEvery))
		case <-w.i.nudges:
			w.follow(time.Now(), w.i.current())
		case <-w.i.doubts:
			w.suspect(time.Now())
		case t := <-w.hearing.heard:
			w.testified(time.Now(), t)
		case <-w.i.news:
			w.timers.sooner(retouchTimer, time.Now())
		case p := <-w.probed:
			w.answer(time.Now(), p)
		case e := <-w.examined:
			w.judge(time.Now(), e)
		case d := <-w.done:
			w.rescued(time.Now(), d)
		case r := <-w.i.requests:
			r.done <- w.serve(time.Now(), r)
		}
	}
}

// stop takes away what the link has made.
func (w *warden) stop() {
	w.i.publish(nil)
	if w.i.isLeaving() {
		return
	}
	err := w.change(nil)
	if w.bound.index != 0 {
		err = errors.Join(err, w.i.kernel.Unbind(w.bound))
	}
	if err != nil {
		w.log.Error("clearing up the link", "err", err)
	}
}

// untilNext returns how long the loop may sleep.
func (w *warden) untilNext(now time.Time) time.Duration {
	w.timers.set(probeTimer, w.pulse.next)
	var rung time.Time
	if _, at, ok := w.rescue.ladder.next(); ok && !w.rescue.busy {
		rung = later(at, w.rescue.rest)
	}
	w.timers.set(ladderTimer, rung)
	next := w.timers.next()
	if next.IsZero() {
		return time.Hour
	}
	return max(next.Sub(now), 0)
}

// step does what is due.
func (w *warden) step(now time.Time) {
	for _, d := range []struct {
		id timer
		do func(time.Time)
	}{
		{lookTimer, w.look},
		{probeTimer, w.startProbe},
		{ladderTimer, func(now time.Time) { w.examine(now, true) }},
		{retouchTimer, func(now time.Time) { w.examine(now, false) }},
		{factsTimer, func(time.Time) { w.shown.stale = true }},
	} {
		if w.timers.due(d.id, now) {
			d.do(now)
		}
	}
}

// look compares the network with what the link needs.
func (w *warden) look(now time.Time) {
	v, err := w.i.kernel.View()
	if err != nil {
		w.log.Warn("looking at the network", "err", err)
		w.timers.set(lookTimer, now.Add(time.Second))
		return
	}
	w.net = v
	dev, addr, lack := v.dialled(w.i.opts.Link.Interface)
	before := w.device
	w.device = dev
	if lack != nil {
		w.bind(device{})
		w.lose(now, *lack)
		return
	}
	gateway := v.gatewayOf(dev.index, w.gatewayBefore(before))
	moved := gateway != w.gateway
	w.gateway = gateway
	w.bind(dev)
	p := &Path{Link: w.i.opts.Link.Name, Device: dev.name, Index: dev.index, Address: addr, Servers: slices.Clone(w.i.opts.Servers)}
	if w.path != nil && samePath(*w.path, *p) {
		w.repair(now, moved)
		return
	}
	w.attach(now, p)
}

// gatewayBefore is the gateway that is kept when the device's default route is
// taken away while the device stays as it was: the way out is the same.
func (w *warden) gatewayBefore(before device) netip.Addr {
	if before.index != w.device.index || !slices.Equal(before.addresses, w.device.addresses) {
		return netip.Addr{}
	}
	return w.gateway
}

// attach begins with a path: another device, index or address is another link
// to those who depend on it, even if the old one was lost in the same moment.
func (w *warden) attach(now time.Time, p *Path) {
	if w.path != nil {
		w.leave(now)
	}
	w.log.Info("device found", "device", p.Device, "address", p.Address, "mtu", w.device.mtu, "gateway", w.gateway)
	w.path = p
	if err := w.route(); err != nil {
		w.log.Warn("routing", "err", err)
	}
	if w.cause != nil && w.cause.physical() {
		w.cause = nil
	}
	w.begin(now)
}

// begin starts to prove the path, if that is wanted.
func (w *warden) begin(now time.Time) {
	if w.resting() {
		w.cause = nil
		w.pulse.stop()
		return
	}
	w.pulse.start(now)
}

// resting reports whether the link is judged by its device alone: on a metered
// standby each probe would be paid for.
func (w *warden) resting() bool { return w.duty.standby && w.i.opts.Link.Metered }

// lose gives the path up because the device does not carry.
func (w *warden) lose(now time.Time, c cause) {
	// What the modem refuses explains why the device is not there.
	if w.path == nil && w.rescue.refused != nil && w.cause != nil {
		return
	}
	if w.path != nil || w.cause == nil || w.cause.reason != c.reason || w.cause.text != c.text {
		w.blame(now, c)
	}
	if w.path == nil {
		return
	}
	w.leave(now)
	if err := w.change(nil); err != nil {
		w.log.Warn("routing", "err", err)
	}
}

// leave ends the use of the path. What depends on it must hear of it even if
// another is there at once, so that is told now.
func (w *warden) leave(now time.Time) {
	w.giveUp()
	w.turn++
	w.path = nil
	w.pulse.stop()
	w.since = time.Time{}
	w.publish(now)
}

// follow takes in what the link is for from now on.
func (w *warden) follow(now time.Time, d duty) {
	rested := w.resting()
	w.duty = d
	w.pulse.hasty = d.hasty
	switch {
	case w.path == nil || rested == w.resting():
	case rested:
		w.begin(now)
	default:
		w.giveUp()
		w.turn++
		w.begin(now)
	}
	if soon := now.Add(w.pulse.interval()); d.hasty && w.pulse.next.After(soon) {
		w.pulse.next = soon
	}
}

// serve answers a request from outside.
func (w *warden) serve(now time.Time, r request) error {
	if r.restart {
		return w.restart(now)
	}
	w.routing.need(r.addrs)
	if w.path == nil {
		return fmt.Errorf("routing %v: %w", r.addrs, ErrDown)
	}
	return w.route()
}

// blame notes why the path is not there.
func (w *warden) blame(now time.Time, c cause) {
	if w.cause == nil || w.cause.reason != c.reason || w.cause.text != c.text {
		w.log.Warn("link not usable", "reason", c.reason, "detail", c.text)
	}
	w.cause, w.blamed = &c, now
}

// physical reports whether c is of the device itself, and ends with it.
func (c cause) physical() bool {
	return slices.Contains([]status.Reason{status.ReasonInterfaceMissing, status.ReasonNoCarrier, status.ReasonNoAddress}, c.reason)
}
