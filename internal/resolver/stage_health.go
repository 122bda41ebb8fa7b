package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// health is what the dns stage knows of the VPC resolver over one path. It
// decides purely: results and host state are put in by the Stage.
type health struct {
	resolver config.Resolver
	probe    config.Probe
	endpoint string
	prefixes []netip.Prefix

	path     Path
	seen     uint64    // the result taken last
	last     Result    // zero before the first
	failures int       // in a row
	wrong    int       // results in a row without private addresses alone, failures among them
	failing  time.Time // since when; zero: not
	usable   bool      // it carries the path
	lost     bool      // failing went on for longer than it is held
}

// begin forgets everything: nothing learnt over one path holds for another.
func (h *health) begin(path Path) {
	*h = health{resolver: h.resolver, probe: h.probe, endpoint: h.endpoint, prefixes: h.prefixes, path: path}
}

// take adds the result of a probe.
func (h *health) take(r Result) {
	h.seen, h.last = r.seq, r
	if h.wrong++; h.verdict() == verdictPrivate {
		h.wrong = 0
	}
	if !h.fails() {
		h.failures, h.failing, h.usable, h.lost = 0, time.Time{}, true, false
		return
	}
	if h.failures++; h.failing.IsZero() {
		h.failing = r.At
	}
}

func (h *health) verdict() verdict { return h.last.verdict(h.prefixes) }

// fails reports whether the resolver itself is the trouble. One that says "no
// such name" or gives a public address does its work; what that means for the
// path is the endpoint stage's to say.
func (h *health) fails() bool { return h.verdict() <= verdictFailed }

// expire ends what is held too long without an answer.
func (h *health) expire(now time.Time) {
	if !h.failing.IsZero() && !now.Before(h.failing.Add(h.probe.Hold)) {
		h.usable, h.lost = false, true
	}
}

// judge says what it comes to, the host's state included.
func (h *health) judge(host HostState) status.Update {
	u := status.Update{State: status.Degraded}
	switch {
	case h.last.At.IsZero():
		u.State, u.Reason = status.Starting, status.ReasonConnecting
		u.Detail = "asking " + joinAddrs(h.path.Servers)
	case h.fails():
		h.judgeFailure(&u)
	case h.verdict() == verdictMissing:
		u.Reason, u.Detail, u.Hint = status.ReasonNXDomain, h.last.trouble(), h.missingHint()
	case h.verdict() == verdictPublic:
		u.Reason, u.Hint = status.ReasonPublicAnswer, h.publicHint()
		u.Detail = fmt.Sprintf("%s answers %s, not private", h.last.Server, joinAddrs(notIn(h.prefixes, h.last.Addresses)))
	case !host.Pointed && h.resolver.Host != config.HostNone:
		u.Reason, u.Detail, u.Hint = status.ReasonHostTrampled, trampled(host), obstacleHint(host)
	default:
		u.State, u.Reason, u.Detail = status.OK, status.ReasonReady, h.ready()
	}
	u.Facts = h.facts(host)
	return u
}

// judgeFailure tells a resolver that stopped answering, which is held, from one
// that never did: nothing is lost by waiting for it, and nothing carried either.
func (h *health) judgeFailure(u *status.Update) {
	trouble := h.last.trouble()
	since := fmt.Sprintf("%s since %s", trouble, timeOfDay(h.failing))
	u.Reason = status.ReasonNoAnswer
	if h.verdict() == verdictFailed {
		u.Reason = status.ReasonServerFailed
	}
	switch {
	case h.usable:
		u.Detail = fmt.Sprintf("%s; holding until %s", since, timeOfDay(h.failing.Add(h.probe.Hold)))
	case h.lost || h.failures >= h.probe.DownAfter:
		u.State, u.Detail = status.Down, since
	default:
		u.State = status.Starting
		u.Detail = fmt.Sprintf("%s yet, try %d of %d", trouble, h.failures, h.probe.DownAfter)
	}
}

func (h *health) ready() string {
	detail := fmt.Sprintf("%s from %s, %s", domainsText(h.resolver.Domains), h.last.Server, status.RoundTrip(h.last.RTT))
	if h.resolver.Host == config.HostNone {
		detail += "; other programs are on their own"
	}
	return detail
}

func (h *health) facts(host HostState) status.Facts {
	f := status.Facts{
		"servers": addrTexts(h.path.Servers), "listen": h.resolver.Listen.String(), "host": host.Mode,
	}
	if h.last.Err == nil && !h.last.At.IsZero() {
		f["rtt_ms"] = h.last.RTT.Milliseconds()
	}
	return f
}

// missingHint names what Route 53 lacks. A name under amazonaws.com that the
// VPC resolver does not know at all is in a private zone without its record:
// without the zone the answer would be public.
func (h *health) missingHint() string {
	_, zone, _ := strings.Cut(h.endpoint, ".")
	return fmt.Sprintf("in Route 53 give the private hosted zone %s a record %s (alias of the IoT data interface endpoint), or correct `endpoint.host`.",
		zone, h.endpoint)
}

// publicHint tells a missing zone from a VPC that private_cidrs leaves out.
func (h *health) publicHint() string {
	outside := notIn(h.prefixes, h.last.Addresses)
	if !slices.ContainsFunc(outside, func(a netip.Addr) bool { return !a.IsPrivate() }) {
		return fmt.Sprintf("if %s is the VPC's, add its range to `endpoint.private_cidrs`; until then nothing is sent.", joinAddrs(outside))
	}
	return fmt.Sprintf("associate the private hosted zone that holds %s with the VPC of resolver %s; until then nothing is sent.",
		h.endpoint, h.last.Server)
}

// obstacleHint is for a system that cannot be pointed at the stub at all: the
// reason's own hint, to try it again, would not help.
func obstacleHint(host HostState) string {
	if host.Mode != config.HostNone || host.Detail == "" {
		return ""
	}
	return "remove what is in the way, then `sudo systemctl restart edgeagent`; or set `resolver.host: none` if no other program needs private names."
}

// trampled says who undid what, as far as it is known.
func trampled(host HostState) string {
	detail := "other programs on this device do not ask the agent"
	if host.Culprit != "" {
		detail += ": changed by " + host.Culprit
	}
	if host.GaveUp {
		detail += fmt.Sprintf(", given up after %d repairs", host.Repairs)
	}
	if host.Detail != "" {
		detail += " (" + host.Detail + ")"
	}
	return detail
}

// domainsText is short enough for a line of the screen.
func domainsText(domains []string) string {
	switch {
	case len(domains) == 0:
		return "no names"
	case domains[0] == ".":
		return "all names"
	case len(domains) == 1:
		return domains[0]
	}
	return fmt.Sprintf("%s and %d more", domains[0], len(domains)-1)
}
