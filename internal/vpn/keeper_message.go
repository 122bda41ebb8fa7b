package vpn

import (
	"fmt"
	"net/netip"
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

// release lets OpenVPN make its next attempt.
func (k *keeper) release(now time.Time) {
	if k.phase != holding {
		return
	}
	if c := k.id.check(k.o.opts.Clock, now); c != nil {
		k.blame(now, *c)
		k.timers.set(releaseTimer, now.Add(c.pace.pause(&k.connects)))
		return
	}
	k.phase, k.attempt = connecting, attempt{}
	k.command("hold release")
	k.spoke(now) // it is its turn now
}

// query answers OpenVPN's question where to connect to. It waits for the
// answer, and for no lookup of its own.
func (k *keeper) query(r remote) {
	k.pending = r
	if addr, err := netip.ParseAddr(r.host); err == nil {
		k.dial(addr, "ACCEPT")
		return
	}
	k.lookups.reset()
	k.find()
}

// find looks up the name that OpenVPN waits for.
func (k *keeper) find() {
	query, s := k.pending, &servers{lookup: k.servers.lookup, random: k.servers.random}
	if k.phase != connecting || query == (remote{}) {
		return
	}
	k.timers.stop(lookupTimer)
	go func() { deliver(k.ctx, k.looked, s.find(k.ctx, query)) }()
}

// found takes in a lookup. Without an address OpenVPN goes on waiting.
func (k *keeper) found(now time.Time, f found) {
	if f.query != k.pending || k.phase != connecting {
		return
	}
	addr, err := k.servers.choose(f)
	if err != nil {
		k.blame(now, k.nameless(err))
		k.timers.set(lookupTimer, now.Add(lookupBase+k.lookups.next()))
		return
	}
	if f.err != nil {
		k.log.Warn("using the address the name had before", "address", addr, "err", f.err)
	}
	k.dial(addr, fmt.Sprintf("MOD %s %s", addr, k.pending.port))
}

// nameless says why a lookup failed: without a way out no name resolves, and
// a technician should look at the cable, not at the DNS.
func (k *keeper) nameless(err error) cause {
	if !k.up.ok() {
		return noWayOut()
	}
	return cause{status.ReasonNoName, fmt.Sprintf("the VPN server's name does not resolve: %v", err), "", fast}
}

// dial answers the query. In a full tunnel the route that keeps this address on
// the uplink comes first: the one of the address before does not cover it.
func (k *keeper) dial(addr netip.Addr, answer string) {
	k.attempt.server = parseAddrPort(addr.String(), k.pending.port)
	k.pending = remote{}
	if v, err := k.o.kernel.View(); err == nil {
		k.net = v
	}
	k.target, k.up = addr, k.net.uplink(addr, k.device.index)
	if r, needed := serverRoute(k.net.ours(), addr, k.up); needed {
		if err := k.o.kernel.Change(nil, []route{r}); err != nil {
			k.log.Warn("routing", "err", err)
		}
	}
	k.command("remote " + answer)
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
