package vpn

import (
	"time"

	"edgeagent/internal/config"
)

// What OpenVPN and AWS Client VPN do by themselves, for Absence.
const (
	serverPing  = time.Second      // pushed by AWS Client VPN
	pingRestart = 20 * time.Second // likewise
	// A release takes as long as a lookup of the server's name to reach it. Files with
	// several servers, whose OpenVPN asks first, are not modelled.
	releaseTime = 50 * time.Millisecond
	// handshakeTime is from an answered first packet to CONNECTED, probeTime a
	// probe's round trip. Both are those of a good DSL line.
	handshakeTime = 500 * time.Millisecond
	probeTime     = 40 * time.Millisecond
	// replaceTime is the end of one process and the start of the next.
	replaceTime = 300 * time.Millisecond
	// startOverTime is the chain's pause before a stage that gave up runs again.
	startOverTime = time.Second
)

// firstPackets is when OpenVPN sends and repeats the first packet of a handshake
// within answerLimit: tls-timeout 2 s, doubled (reliable.c).
var firstPackets = [...]time.Duration{0, 2 * time.Second, 6 * time.Second}

// Absence says when an OpenVPN link is called down and up again if nothing
// passes between it and the VPC for outage, from the time from on. kept is true
// if it is never called down. random returns a time in [0, d).
//
// It is the daemon's own judgement, ladder and back-off (health, ladder, backoff)
// around a model of OpenVPN in place of the program, so that what a fleet of
// devices does can be known without one.
func Absence(c config.Config, from time.Time, outage time.Duration, random func(d time.Duration) time.Duration) (down, up time.Time, kept bool) {
	a := absence{recovery: c.Recovery, back: from.Add(outage), random: random}
	a.tick = from.Add(random(bytecountEvery))
	a.health = health{probe: c.Probe}
	a.health.connected(from.Add(-time.Hour), serverPing)
	a.health.answered(from.Add(-random(c.Probe.Interval)))
	a.count(a.tick.Add(-bytecountEvery))
	restart := from.Add(pingRestart - random(serverPing))
	switch now, changed := a.watch(from, restart); {
	case !changed:
		return time.Time{}, time.Time{}, true
	case a.health.proven: // OpenVPN's own reconnect was noticed first
		return now, a.connect(now, now), false
	default:
		again, _ := a.watch(now, restart)
		if !a.health.proven { // OpenVPN has given that connection up
			again = a.connect(now, restart)
		}
		return now, again, false
	}
}

// absence is one outage of one link.
type absence struct {
	recovery config.Recovery
	health   health
	back     time.Time // when packets pass again
	tick     time.Time // of the byte counters
	in       uint64
	random   func(time.Duration) time.Duration
}

// watch follows the connection that there was from now on, until the health's
// verdict changes or OpenVPN gives the connection up at restart. It is false if
// neither will happen.
func (a *absence) watch(now, restart time.Time) (at time.Time, changed bool) {
	for proven := a.health.proven; a.health.proven == proven; {
		if now.After(a.back) && proven && !a.health.quiet && a.health.failures == 0 {
			return now, false
		}
		now = a.look(later(now, a.nextLook()))
		if !now.Before(restart) && restart.Before(a.back) {
			return restart, true
		}
	}
	return now, true
}

// nextLook is when the keeper's loop has something to do with the health.
func (a *absence) nextLook() time.Time {
	at := a.tick
	for _, other := range []time.Time{a.health.silenceAt(), a.health.next} {
		if !other.IsZero() && other.Before(at) {
			at = other
		}
	}
	return at
}

// look does what is due, and returns when that is done.
func (a *absence) look(now time.Time) time.Time {
	if !now.Before(a.tick) {
		// The first counter after the cut still shows what came before it.
		if first := a.in == 1; first || now.After(a.back) {
			a.count(now)
		}
		a.tick = a.tick.Add(bytecountEvery)
	}
	if at := a.health.silenceAt(); !at.IsZero() && !now.Before(at) {
		a.health.noticeSilence(now)
	}
	if at := a.health.next; !at.IsZero() && !now.Before(at) {
		return a.probe(now)
	}
	return now
}

// count has the counters grow.
func (a *absence) count(now time.Time) {
	a.in++
	a.health.bytes(now, a.in)
}

// probe asks the resolver, and returns when the answer is there or given up. What
// is sent into the outage is lost.
func (a *absence) probe(now time.Time) time.Time {
	limit := a.health.begin(now)
	tries := []time.Duration{0}
	if limit > tcpPart {
		tries = append(tries, limit-tcpPart, limit-tcpPart+time.Second, limit-tcpPart+3*time.Second) // SYNs
	}
	for _, after := range tries {
		if sent := now.Add(after); !sent.Before(a.back) {
			a.health.answered(sent.Add(probeTime))
			return sent.Add(probeTime)
		}
	}
	a.health.failed(now.Add(limit), now)
	return now.Add(limit)
}

// connect makes attempts from start on until one succeeds, and returns when the
// link is called up. The ladder is climbed from lost on.
func (a *absence) connect(lost, start time.Time) time.Time {
	connects := backoff{base: connectBase, limit: connectMax, rand: a.random}
	steps := ladder{rungs: openVPNRungs(a.recovery)}
	steps.begin(lost)
	_, rung, climbing := steps.next()
	for start = start.Add(connects.next()); ; {
		sending := start.Add(releaseTime)
		for _, packet := range firstPackets {
			sent := sending.Add(packet)
			if interrupted := climbing && rung.Before(sent); !interrupted && !sent.Before(a.back) {
				return sent.Add(handshakeTime + probeTime)
			}
		}
		if start = sending.Add(answerLimit + connects.next()); climbing && !rung.After(start) {
			start = a.climb(&steps, &connects)
			_, rung, climbing = steps.next()
		}
	}
}

// climb takes the next rung and returns when the attempt that follows it begins.
func (a *absence) climb(steps *ladder, connects *backoff) time.Time {
	_, at, _ := steps.next()
	taken, _ := steps.take(at)
	switch taken.name {
	case rungNewProcess:
		return at.Add(replaceTime)
	case rungStartOver:
		at = at.Add(startOverTime/2 + a.random(startOverTime/2) + replaceTime)
		connects.reset()
		connects.next()
		*steps = ladder{rungs: steps.rungs}
		steps.begin(at)
	}
	return at
}
