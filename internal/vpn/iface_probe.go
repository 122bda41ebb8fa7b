package vpn

import (
	"context"
	"fmt"
	"time"

	"edgeagent/internal/status"
)

// startProbe asks through the path, unless traffic has just proved it.
func (w *warden) startProbe(now time.Time) {
	if w.path == nil || w.pulse.skip(now, w.i.opts.Alive()) {
		return
	}
	limit := w.pulse.begin(now)
	w.turn++
	path, turn := w.path, w.turn
	ctx, cancel := context.WithTimeout(w.ctx, limit)
	w.giveUp = cancel
	go func() {
		defer cancel()
		rtt, err := w.i.opts.ProbePath(ctx, *path)
		deliver(w.ctx, w.probed, probed{path, turn, now, rtt, err})
	}()
}

// suspect looks at the path now: somebody else has got no answer through it.
func (w *warden) suspect(now time.Time) {
	if w.usable() {
		w.pulse.suspected = true
		w.pulse.hurry(now)
		w.hearing.reopen(w.ctx, w.path)
	}
}

// testified takes in what the witnesses say.
func (w *warden) testified(now time.Time, t testimony) {
	if w.hearing.end(now, t, w.path) && t.err != nil && t.asked && w.pulse.forsake(now) {
		w.blame(now, w.silence())
	}
}

// answer takes in a probe's outcome.
func (w *warden) answer(now time.Time, p probed) {
	if p.path != w.path || p.turn != w.turn {
		return // of a path that is no more, or given up
	}
	was := w.pulse.proven
	if p.err == nil {
		w.rtt = p.rtt
		w.pulse.answered(now)
		if !was && w.pulse.proven {
			w.proved(now)
		}
		return
	}
	w.log.Debug("probe failed", "err", p.err)
	w.pulse.failed(now, p.began, later(w.i.opts.Alive(), w.hearing.at))
	if w.pulse.proven {
		w.hearing.begin(w.ctx, now, w.path)
	}
	if w.pulse.dead() && (w.cause == nil || w.cause.physical()) {
		w.blame(now, w.silence())
	}
	// Where the way ends is asked while it is in doubt, to be known when it is lost.
	if w.pulse.failures == 1 {
		w.examine(now, false)
	}
}

// proved: the path carries.
func (w *warden) proved(now time.Time) {
	w.log.Info("link up", "device", w.path.Device, "address", w.path.Address, "round_trip", w.rtt)
	w.cause, w.since = nil, now
	w.rescue.ladder.leave()
	w.rescue.note = ""
	w.examine(now, false)
}

// silence is the verdict on a path through which nothing of the VPC answers.
func (w *warden) silence() cause {
	asked := fmt.Sprintf("nothing answers through %s (asked %s)", w.path.Device, join(w.path.Servers))
	p := w.rescue.pong
	switch {
	case len(w.path.Servers) == 0:
		return cause{status.ReasonNoAnswer, "there is no DNS server to ask through " + w.path.Device,
			"Set resolver.servers to the VPC's resolver: nothing pushes it over this link.", slow}
	case p.answered:
		return cause{status.ReasonVPCSilent, fmt.Sprintf("%s; SORACOM answers in %d ms (%s), so the modem is left alone",
			asked, max(p.rtt.Milliseconds(), 1), pongAddress), "", slow}
	case p.asked:
		return cause{status.ReasonNoAnswer, fmt.Sprintf("%s, nor does %s", asked, pongAddress),
			"Look at signal and SIM (`mmcli -m any`), then at the SORACOM console; on another carrier, at the far side's routes.", fast}
	}
	return cause{status.ReasonNoAnswer, asked, "Look at the far side's routes and security groups.", fast}
}

// usable reports whether the path may be used.
func (w *warden) usable() bool { return w.path != nil && w.pulse.proven }
