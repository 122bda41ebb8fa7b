package vpn

import (
	"time"

	"edgeagent/internal/config"
)

// health decides when the path is probed and what the answers mean. It keeps
// no clock: every method is told the time.
//
// A black hole is found like this, with AWS's ping of 1 s: the counters last
// grew at most 5 s after the cut (bytecountEvery); 7 s later (window) the
// silence is noticed; three probes of 2 s each find nobody. That is at most
// 18 s, before OpenVPN's own ping-restart at 20 s, and costs nothing while all is well.
type health struct {
	probe   config.Probe
	metered bool
	hasty   bool // another link could take over: be sure quickly

	proven    bool      // the path carries
	confirmed bool      // it has since this connection was made
	doubted   bool      // not for its silence: what was wrong is known, and so is its end
	failures  int       // probes in a row that nobody answered
	successes int       // probes in a row that were answered, while not proven
	failing   time.Time // when the first of the failures began
	next      time.Time // of the next probe; zero: none while one is under way

	ping        time.Duration // the server's; 0: it does not say
	in          uint64        // bytes from the server so far
	heard       time.Time     // when in last grew
	quiet       bool          // the silence has been noticed
	trusting    bool          // arriving bytes are proof enough
	revived     bool          // bytes came after a silence, while a probe was under way
	suspected   bool          // somebody else got no answer: traffic that came in before proves nothing
	forsaken    bool          // bytes arrive, but whatever is sent is lost
	falseAlarms int           // silences that a probe proved harmless
}

// connected begins the observation of a new connection.
func (h *health) connected(now time.Time, ping time.Duration) {
	*h = health{probe: h.probe, metered: h.metered, hasty: h.hasty, trusting: h.trusting, ping: ping, heard: now, next: now}
}

// stopped ends it: there is nothing to probe.
func (h *health) stopped() {
	h.proven, h.next, h.heard = false, time.Time{}, time.Time{}
	h.confirmed, h.doubted, h.failures, h.successes = false, false, 0, 0
}

// bytes takes in OpenVPN's counter of bytes from the server. Bytes after a
// silence are the first sign of recovery: a probe is due at once, or as soon as the
// one is over that was sent into the silence.
func (h *health) bytes(now time.Time, in uint64) {
	if in == h.in {
		return
	}
	h.in, h.heard = in, now
	if h.quiet {
		h.quiet = false
		h.revived = h.next.IsZero()
		h.hurry(now)
	}
}

// window is how long the server may be silent before that means something.
func (h *health) window() time.Duration {
	if h.ping == 0 {
		return idleSilence
	}
	return silentPings*h.ping + bytecountEvery
}

// silent reports whether nothing came in for longer than the server's pings
// explain.
func (h *health) silent(now time.Time) bool { return now.Sub(h.heard) >= h.window() }

// silenceAt returns when silence will have to be noticed; zero: never.
func (h *health) silenceAt() time.Time {
	if h.heard.IsZero() || h.quiet || h.ping == 0 || h.falseAlarms >= falseAlarms {
		return time.Time{}
	}
	return h.heard.Add(h.window())
}

// noticeSilence makes a probe due. It decides nothing by itself.
func (h *health) noticeSilence(now time.Time) {
	h.quiet = true
	h.hurry(now)
}

// hurry brings the next probe forward, if none is under way.
func (h *health) hurry(now time.Time) {
	if !h.next.IsZero() && h.next.After(now) {
		h.next = now
	}
}

// doubt asks for a probe, and for a fresh proof before the path is called up.
func (h *health) doubt(now time.Time) {
	h.proven, h.doubted, h.successes, h.failures = false, true, 0, 0
	h.hurry(now)
}

// begin notes that a probe was started and returns the time it may take: a
// silent path is asked in short order, any other may answer over TCP.
func (h *health) begin(now time.Time) time.Duration {
	h.next, h.suspected = time.Time{}, false
	if h.failures == 0 {
		h.failing = now
	}
	if h.silent(now) || h.forsaken {
		return h.probe.Timeout
	}
	return h.probe.Timeout + tcpPart
}

// skip reports whether traffic that came in at alive makes the probe that is
// due unnecessary, and puts it off.
func (h *health) skip(now, alive time.Time) bool {
	next := alive.Add(h.interval())
	if !h.proven || h.quiet || h.suspected || h.failures > 0 || !next.After(now) {
		return false
	}
	h.next = next
	return true
}

// answered takes in a probe's success.
func (h *health) answered(now time.Time) {
	h.trusting = false
	if h.quiet && h.failures == 0 {
		h.falseAlarms++
	}
	h.quiet, h.revived, h.heard, h.failures = false, false, now, 0
	h.successes++
	// A connection that was just made has proved itself by its handshake; one
	// that was lost and came back by itself must answer up_after times.
	if !h.proven && (!h.confirmed || h.successes >= h.probe.UpAfter) {
		h.proven, h.confirmed, h.forsaken, h.doubted = true, true, false, false
	}
	switch {
	case h.proven:
		h.next = now.Add(h.interval())
	case h.doubted:
		h.next = now.Add(proofSpacing)
	default:
		h.next = now.Add(probeSpacing)
	}
}

// failed takes in that nobody answered a probe that began at began.
func (h *health) failed(now, began time.Time) {
	h.failures++
	h.successes = 0
	h.judge(now)
	h.next = now.Add(h.probe.SuspectInterval)
	if !h.proven && !h.metered {
		h.next = seekAt(now, began)
	}
	if h.quiet || h.revived || h.forsaken || h.hasty && h.silent(now) || !h.proven && h.failures < firstProbes {
		h.next = later(now, began.Add(probeSpacing))
	}
	h.revived = false
}

// seekAt is when a path that was given up is probed again, after a probe that
// began at began.
func seekAt(now, began time.Time) time.Time {
	return later(now.Add(probeSpacing), began.Add(seekSpacing))
}

// judge calls the path down after down_after failures, unless bytes still
// arrive: then the link works, and it is the VPC's resolver that is silent.
func (h *health) judge(now time.Time) {
	switch {
	case h.failures < h.probe.DownAfter:
	case h.silent(now):
		h.proven, h.successes = false, 0
	case h.trusting:
		// It was so before the reconnect that was to mend it.
		h.proven, h.confirmed = true, true
	}
}

// forsake takes in that no witness has answered either. It is true if that makes
// the path a lost one: what is sent is lost, as bytes still arrive. If they do
// not, that is told by the silence; and one answer says that they were wrong.
func (h *health) forsake(now time.Time) bool {
	if !h.proven || h.failures == 0 || h.silent(now) {
		return false
	}
	h.proven, h.successes, h.forsaken = false, 0, true
	h.hurry(now)
	return true
}

// resolverSilent returns since when nobody answers although bytes arrive; zero
// if that is not so.
func (h *health) resolverSilent() time.Time {
	if h.proven && h.failures >= h.probe.DownAfter {
		return h.failing
	}
	return time.Time{}
}

// interval is the pace of probes that find nothing wrong.
func (h *health) interval() time.Duration {
	if h.metered {
		return max(meteredProbe, h.probe.Interval)
	}
	if h.hasty && h.ping == 0 {
		// Nothing but a probe notices a black hole behind a server without pings.
		return min(h.probe.Interval, h.probe.SuspectInterval)
	}
	return h.probe.Interval
}

// later returns the later of two times.
func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
