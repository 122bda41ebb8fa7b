package vpn

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeagent/internal/status"
)

const (
	// examineLimit is for what the modem and the pong say, rungLimit for one rung.
	examineLimit = 30 * time.Second
	rungLimit    = 10 * time.Minute
	// refusalEvery is how soon a refusal is looked at again: somebody may be
	// changing the SIM. It costs nothing but a few calls on this device.
	refusalEvery = 30 * time.Second
	// rescueFactsEvery is for signal and operator while all is well.
	rescueFactsEvery = 5 * time.Minute
	// putOffLeast is before a rung is asked for again whose budget was used up.
	putOffLeast = time.Minute
)

// rescue is how the recovery of a dialled link goes.
type rescue struct {
	ladder ladder
	urgent bool      // the modem has not been looked at yet
	busy   bool      // Rescue or the pong is at work
	doing  *rung     // the rung under way
	rest   time.Time // no rung before: what was found held it back
	note   string    // why the last rung failed

	refused *cause
	pong    pong
	facts   status.Facts
}

// pong is what was heard of SORACOM's side of the modem in this loss.
type pong struct {
	asked, answered bool
	rtt             time.Duration
}

// examined is what modem and pong say.
type examined struct {
	path    *Path // that the ping went through; nil: none was sent
	rtt     time.Duration
	err     error
	modem   bool // what follows was asked
	refused *cause
	rungs   []string
	facts   status.Facts
	climb   bool // a rung is due
}

// doneRung is the outcome of one rung.
type doneRung struct {
	rung rung
	err  error
}

// examine asks what no rung should be taken without: whether the modem says that
// only a person can help, and whether SORACOM's side of it answers.
func (w *warden) examine(now time.Time, climb bool) {
	if w.rescue.busy {
		return
	}
	w.timers.stop(retouchTimer)
	e := examined{climb: climb}
	if w.path != nil && !w.usable() && !w.resting() || w.pulse.failures > 0 {
		e.path = w.path
	}
	if w.i.opts.Rescue == nil && e.path == nil {
		w.rescue.rest = now.Add(w.i.opts.Probe.SuspectInterval)
		return
	}
	w.rescue.busy = true
	go func() {
		ctx, cancel := context.WithTimeout(w.ctx, examineLimit)
		defer cancel()
		w.i.examine(ctx, &e)
		deliver(w.ctx, w.examined, e)
	}()
}

// examine fills in what can be learnt.
func (i *Interface) examine(ctx context.Context, e *examined) {
	if e.path != nil {
		e.rtt, e.err = i.pong(ctx, e.path.Device)
	}
	r := i.opts.Rescue
	if r == nil {
		return
	}
	i.rescuing.Lock()
	defer i.rescuing.Unlock()
	e.modem = true
	if reason, detail, hint, ok := r.Permanent(ctx); ok {
		e.refused = &cause{reason, detail, hint, slow}
	}
	e.rungs, e.facts = r.Rungs(ctx), r.Facts(ctx)
	if e.rungs == nil {
		e.rungs = []string{} // nil would mean all
	}
}

// judge takes in what was found, and takes the rung that is due if nothing
// speaks against it.
func (w *warden) judge(now time.Time, e examined) {
	w.rescue.busy = false
	if e.modem {
		w.rescue.refused, w.rescue.facts = e.refused, e.facts
		w.rescue.ladder.only = e.rungs
		w.shown.stale = true
	}
	if e.path != nil && e.path == w.path {
		w.rescue.pong = pong{asked: true, answered: e.err == nil, rtt: e.rtt}
	}
	w.explain(now)
	w.timers.set(retouchTimer, w.examineAgain(now))
	if !e.climb {
		return
	}
	w.rescue.rest = now.Add(w.i.opts.Probe.SuspectInterval)
	if w.cause == nil || !w.cause.climbs() {
		return
	}
	if r, ok := w.rescue.ladder.take(now); ok {
		w.rescue.rest = time.Time{}
		w.do(r)
	}
}

// explain makes the cause of what is known now: a refusal explains everything
// else, and a pong says on which side of it the fault lies.
func (w *warden) explain(now time.Time) {
	refused := w.rescue.refused
	switch {
	case w.usable() || w.resting() && w.path != nil:
	case refused != nil && (w.cause != nil || w.path == nil):
		w.blameAnew(now, *refused)
	case w.path != nil && w.pulse.dead():
		w.blameAnew(now, w.silence())
	case w.path == nil:
		if _, _, lack := w.net.dialled(w.i.opts.Link.Interface); lack != nil {
			w.blameAnew(now, *lack)
		}
	}
}

// blameAnew keeps the time of a cause that is still the same.
func (w *warden) blameAnew(now time.Time, c cause) {
	if w.cause == nil || w.cause.reason != c.reason || w.cause.pace != c.pace {
		w.blame(now, c)
	}
}

// examineAgain is when modem and pong are asked the next time without a rung.
func (w *warden) examineAgain(now time.Time) time.Time {
	switch {
	case w.usable() || w.resting():
		if w.i.opts.Rescue == nil {
			return time.Time{}
		}
		return now.Add(rescueFactsEvery)
	case w.rescue.refused != nil:
		return now.Add(refusalEvery)
	case w.rescue.pong.answered:
		return now.Add(w.pulse.interval())
	}
	return now.Add(time.Minute)
}

// do takes one rung beside the loop.
func (w *warden) do(r rung) {
	w.log.Warn("recovering the link", "step", r.does, "down_since", w.rescue.ladder.since.Format(time.TimeOnly))
	w.rescue.busy, w.rescue.doing, w.rescue.note = true, &r, ""
	go func() {
		ctx, cancel := context.WithTimeout(w.ctx, rungLimit)
		defer cancel()
		w.i.rescuing.Lock()
		err := w.i.opts.Rescue.Do(ctx, r.name)
		w.i.rescuing.Unlock()
		deliver(w.ctx, w.done, doneRung{r, err})
	}()
}

// rescued takes in how a rung went. What it has changed is looked at right away.
func (w *warden) rescued(now time.Time, d doneRung) {
	w.rescue.busy, w.rescue.doing = false, nil
	w.rescue.pong = pong{}
	if d.err != nil {
		w.rescue.note = d.rung.does + " failed: " + d.err.Error()
		w.log.Warn("recovery step failed", "step", d.rung.does, "err", d.err)
	} else {
		w.log.Info("recovery step done", "step", d.rung.does)
	}
	if wait, ok := errors.AsType[interface {
		error
		NotBefore() time.Time
	}](d.err); ok {
		// A budget that is said to be free again already was not free just now.
		w.rescue.ladder.putOff(d.rung.name, later(wait.NotBefore(), now.Add(putOffLeast)))
	}
	w.timers.sooner(lookTimer, now.Add(inspectEvery))
	w.pulse.hurry(now)
}

// restart has the link dialled anew now.
func (w *warden) restart(now time.Time) error {
	w.log.Info("restart asked for")
	switch {
	case w.rescue.doing != nil:
		return fmt.Errorf("already at it: %s", w.rescue.doing.does)
	case w.i.opts.Rescue == nil, w.i.opts.Link.Connection == "" && w.i.opts.Link.Unit == "":
		// Nothing here dials it: all there is to do is to look and ask again.
		w.look(now)
		if w.path != nil {
			w.pulse.start(now)
		}
		return nil
	}
	w.do(rung{name: RungActivate, does: "dial anew, as asked for"})
	return nil
}

// tend starts and ends the climb as the path goes and comes.
func (w *warden) tend(now time.Time) {
	switch {
	case w.usable() || w.resting() && w.path != nil, w.cause != nil && !w.cause.climbs():
		w.rescue.ladder.leave()
	case w.cause != nil:
		w.rescue.ladder.begin(now)
	}
	if w.cause != nil && w.rescue.urgent {
		w.rescue.urgent = false
		w.examine(now, false)
	}
	if w.cause == nil {
		w.rescue.urgent = true
	}
}
