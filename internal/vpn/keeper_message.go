package vpn

import (
	"strings"
	"time"

	"edgeagent/internal/status"
)

// message takes in one line of the management interface; !ok is its end.
func (k *keeper) message(now time.Time, m message, ok bool) {
	if !ok {
		k.mgmt = nil
		// A process that ends closes its socket first; one that goes on without
		// it cannot be driven. Either way its end is near.
		k.expectEnd(now)
		return
	}
	k.spoke(now)
	switch m.kind {
	case hold:
		k.hold(now)
	case state:
		k.state(now, m.state)
	case byteCount:
		if m.in != k.in {
			k.attempt.refused = false
		}
		k.in, k.out = m.in, m.out
		k.health.bytes(now, m.in)
	case remoteQuery:
		k.query(m.remote)
	default:
		k.hear(m)
	}
}

// hear takes in the lines that only add to what is known.
func (k *keeper) hear(m message) {
	switch m.kind {
	case logLine:
		k.log.Debug("openvpn", "line", m.text)
		k.observe(m.text)
		if p, ok := parsePush(m.text, k.push); ok {
			k.push = p
		}
	case fatal:
		if k.observe(m.text); k.attempt.found == nil {
			k.attempt.found = &cause{status.ReasonProcessExited, "openvpn gave up: " + m.text, "", fast}
		}
	case state:
		if m.state.name == "EXITING" {
			k.exiting(m.state.why)
		}
	case notify:
		if message, ok := strings.CutPrefix(m.text, "info,server-pushed-halt,"); ok && k.attempt.found == nil {
			c := halt(message)
			k.attempt.found = &c
		}
	case password:
		k.askedPassword(m.text)
	case upDown:
		k.push.environment(m.text)
	}
}

// observe takes in a log line. What it blames is told at once: the end of the
// attempt may be a minute away.
func (k *keeper) observe(text string) {
	before := k.attempt.found
	k.attempt.observe(text)
	if c := k.attempt.found; c != before && k.phase == connecting {
		k.blame(time.Now(), *c)
	}
}

// exiting notes the reason of an end that a person or server asked for.
func (k *keeper) exiting(why string) {
	switch why {
	case "SIGTERM", "init_instance":
		// Our own, or somebody's kill: no cause of its own.
	default:
		c := k.attempt.restarted(why)
		k.attempt.found = &c
	}
}

// askedPassword: nobody is there to type one.
func (k *keeper) askedPassword(text string) {
	switch {
	case strings.HasPrefix(text, "Need 'Private Key'"):
		k.attempt.found = &cause{status.ReasonCertRejected, "the private key is protected by a passphrase",
			"Give the key without a passphrase, or put `askpass FILE` into the OpenVPN file.", slow}
	case strings.HasPrefix(text, "Need "):
		k.attempt.found = &cause{status.ReasonBadConfig, "OpenVPN asks for a user name and password, and nobody is there to type it",
			"Put `auth-user-pass FILE` into the OpenVPN file.", slow}
	default:
		return // "Verification Failed": the log line before it says more
	}
	k.rest(time.Now(), *k.attempt.found)
}

// rest ends a process that would wait for ever; the next comes at c's pace.
func (k *keeper) rest(now time.Time, c cause) {
	k.blame(now, c)
	k.verdict = &c
	k.end(now)
}

// hold decides when OpenVPN may go on: at once at first and after an event
// that promises success, later and later while it fails.
func (k *keeper) hold(now time.Time) {
	if k.phase == ending {
		return
	}
	k.phase = holding
	pause := time.Duration(0)
	if k.cause != nil && !k.fresh && !k.ordered {
		pause = k.cause.pace.pause(&k.connects)
		k.watchFilesFrom(now, *k.cause)
	}
	k.fresh, k.ordered = false, false
	k.timers.set(releaseTimer, now.Add(pause))
}

// state follows OpenVPN's own states. Those between a connection's two ends
// (AUTH, WAIT: a renegotiation) say nothing about the path.
func (k *keeper) state(now time.Time, s stateLine) {
	switch s.name {
	case "WAIT":
		k.attempt.sent = true
	case "CONNECTED":
		if s.why == "SUCCESS" || s.why == "ROUTE_ERROR" {
			k.connected(now, s)
		}
	case "RECONNECTING":
		k.reconnecting(now, s.why)
	case "EXITING":
		k.exiting(s.why)
		k.expectEnd(now)
	}
}

// reconnecting takes in that the connection, or the attempt at one, is over.
func (k *keeper) reconnecting(now time.Time, why string) {
	if k.phase == ending {
		return
	}
	c := k.attempt.restarted(why)
	if c.reason == status.ReasonNoAnswer && k.cutOff() {
		c = noWayOut()
	}
	if c.reason == status.ReasonCertRejected {
		if k.rejects++; k.rejects >= rejectsBeforeSlow {
			c.pace = slow
		}
	}
	// An order of our own is no news of what is wrong.
	if k.cause == nil || c.reason != status.ReasonConnecting {
		k.blame(now, c)
	}
	k.leave(now)
	k.timers.stop(deviceTimer)
	k.phase, k.attempt.sent = connecting, false
}
