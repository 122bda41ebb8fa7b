package vpn

import (
	"time"

	"edgeagent/internal/config"
)

// patientFor is how long a metered path in doubt is asked every
// suspect_interval; after that only each patientProbe.
const (
	patientFor   = 10 * time.Minute
	patientProbe = time.Minute
)

// pulse decides when a dialled link is probed and what the answers mean. Unlike
// an OpenVPN server's pings nothing comes in by itself: the probe, and traffic
// of the broker's session, are all there is. It keeps no clock.
type pulse struct {
	probe   config.Probe
	metered bool
	hasty   bool // somebody else can take over

	proven    bool
	failures  int       // probes in a row that nobody answered
	successes int       // probes in a row that were answered, while not proven
	failing   time.Time // when the first of the failures began
	suspected bool      // somebody else got no answer: traffic that came in before proves nothing
	doubted   bool      // there was a failure since start
	next      time.Time // of the next probe; zero: none, or one is under way
}

// start begins anew: nothing is known of this path.
func (p *pulse) start(now time.Time) {
	*p = pulse{probe: p.probe, metered: p.metered, hasty: p.hasty, next: now}
}

// stop ends it: there is nothing to probe.
func (p *pulse) stop() {
	*p = pulse{probe: p.probe, metered: p.metered, hasty: p.hasty}
}

// hurry brings the next probe forward, if none is under way.
func (p *pulse) hurry(now time.Time) {
	if !p.next.IsZero() && p.next.After(now) {
		p.next = now
	}
}

// begin notes that a probe was started and returns the time it may take: the
// question over UDP, then over TCP, unless others wait for the verdict.
func (p *pulse) begin(now time.Time) time.Duration {
	p.next, p.suspected = time.Time{}, false
	if p.failures == 0 {
		p.failing = now
	}
	if p.hasty && p.failures > 0 {
		return p.probe.Timeout
	}
	return p.probe.Timeout + tcpPart
}

// skip reports whether traffic that came in at alive makes the probe that is
// due unnecessary, and puts it off.
func (p *pulse) skip(now, alive time.Time) bool {
	next := alive.Add(p.interval())
	if !p.proven || p.suspected || p.failures > 0 || !next.After(now) {
		return false
	}
	p.next = next
	return true
}

// answered takes in a probe's success.
func (p *pulse) answered(now time.Time) {
	p.failures = 0
	p.successes++
	if p.successes >= p.probe.UpAfter {
		p.proven = true
	}
	p.next = now.Add(p.interval())
	switch {
	case p.proven:
	case p.doubted:
		p.next = now.Add(probeSpacing)
	default:
		p.next = now.Add(proofSpacing)
	}
}

// failed takes in that nobody answered a probe that began at began. Traffic, or
// the answer of a witness, that has come in since the first failure says that it is
// not the path that is silent, but the resolver.
func (p *pulse) failed(now, began, alive time.Time) {
	p.failures++
	p.successes, p.doubted = 0, true
	quick := p.hasty && p.proven || !p.proven && p.failures < firstProbes
	carries := alive.After(p.failing) && now.Sub(alive) < meteredProbe
	if p.failures >= p.probe.DownAfter && !carries {
		p.proven = false
	}
	switch {
	case quick:
		p.next = later(now, began.Add(probeSpacing))
	case !p.proven && !p.metered:
		p.next = seekAt(now, began)
	default:
		p.next = now.Add(p.pause(now))
	}
}

// forsake takes in that no witness has answered either. It is true if that is
// enough: a mobile network that is paid for by the byte holds everything up for
// longer than anybody is asked.
func (p *pulse) forsake(now time.Time) bool {
	if !p.proven || p.failures == 0 || p.metered {
		return false
	}
	p.proven, p.successes, p.failures = false, 0, max(p.failures, p.probe.DownAfter)
	p.hurry(now)
	return true
}

// pause is between two probes in doubt.
func (p *pulse) pause(now time.Time) time.Duration {
	if p.metered && now.Sub(p.failing) >= patientFor {
		return max(p.probe.SuspectInterval, patientProbe)
	}
	return p.probe.SuspectInterval
}

// dead reports whether down_after probes have found nobody.
func (p *pulse) dead() bool { return !p.proven && p.failures >= p.probe.DownAfter }

// silent returns since when nobody answers although the path carries traffic;
// zero if that is not so.
func (p *pulse) silent() time.Time {
	if p.proven && p.failures >= p.probe.DownAfter {
		return p.failing
	}
	return time.Time{}
}

// interval is the pace of probes that find nothing wrong.
func (p *pulse) interval() time.Duration {
	if p.metered {
		return max(meteredProbe, p.probe.Interval)
	}
	if p.hasty {
		return min(p.probe.Interval, p.probe.SuspectInterval)
	}
	return p.probe.Interval
}
