package resolver

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// routeRetry is the first pause before the link is asked again for a route
// that did not hold; it doubles up to routeRetryMax, as that is how late the end
// of the fight is seen. Without it, two programs that fight over a route would
// keep the CPU busy.
const routeRetry, routeRetryMax = time.Second, 4 * time.Second

// evidence is all that the proof stands on. It decides purely: what is true
// outside is put in by the Verifier.
type evidence struct {
	endpoint config.Endpoint
	probe    config.Probe
	domains  []string

	path    Path
	seen    uint64        // the result taken last
	answer  Result        // the newest with private addresses only; none without Addresses
	failing time.Time     // since when questions fail although there is an answer; zero: they do not
	trouble string        // why they fail
	closed  status.Update // what to say while there is no answer

	routed    bool          // the link was asked for routes to the answer's addresses
	route     error         // where the kernel would send them instead
	nextRoute time.Time     // when the link may be asked again
	pause     time.Duration // before that

	mode string // host mode
	os   osView
}

// begin forgets everything: nothing learnt over one path holds for another.
func (e *evidence) begin(path Path) {
	*e = evidence{
		endpoint: e.endpoint, probe: e.probe, domains: e.domains, path: path, pause: routeRetry,
		os: osView{asking: e.os.asking},
		closed: status.Update{
			State: status.Starting, Reason: status.ReasonConnecting, Detail: "no answer yet over " + path.Device,
		},
	}
}

// take adds the result of a probe. A wrong answer counts at once, no answer
// only when it goes on: a resolver that restarts must not cost a session.
func (e *evidence) take(r Result) {
	e.seen = r.seq
	switch r.verdict(e.endpoint.PrivateCIDRs) {
	case verdictPrivate:
		if !slices.Equal(r.Addresses, e.answer.Addresses) {
			e.routed, e.os.due = false, time.Time{}
		}
		e.answer, e.failing = r, time.Time{}
	case verdictPublic:
		open := notIn(e.endpoint.PrivateCIDRs, r.Addresses)
		e.shut(status.ReasonPublic, fmt.Sprintf("closed: %s answers %s, not private", r.Server, joinAddrs(open)))
		e.closed.Facts = status.Facts{"addresses": addrTexts(r.Addresses)}
	case verdictMissing:
		e.doubt(r)
		if !e.answered() {
			e.shut(status.ReasonNoAddress, e.trouble)
		}
	default:
		e.doubt(r)
	}
}

func (e *evidence) answered() bool { return len(e.answer.Addresses) > 0 }

// doubt starts the hold, if there is anything to hold.
func (e *evidence) doubt(r Result) {
	e.trouble = r.trouble()
	if e.answered() && e.failing.IsZero() {
		e.failing = r.At
	}
}

// shut drops the answer; only a new one opens the path again.
func (e *evidence) shut(reason status.Reason, detail string) {
	e.answer, e.failing, e.route, e.routed = Result{}, time.Time{}, nil, false
	e.closed = status.Update{State: status.Down, Reason: reason, Detail: detail}
}

// expire ends what is held too long without an answer.
func (e *evidence) expire(now time.Time) {
	if !e.failing.IsZero() && !now.Before(e.holdEnds()) {
		e.shut(status.ReasonNoAddress, fmt.Sprintf("%s since %s", e.trouble, timeOfDay(e.failing)))
	}
}

func (e *evidence) holdEnds() time.Time { return e.failing.Add(e.probe.Hold) }

// proved returns the addresses that may be dialled now.
func (e *evidence) proved() []netip.Addr {
	if !e.answered() || e.route != nil || !e.routed {
		return nil
	}
	return e.answer.Addresses
}

// judge says what the evidence comes to.
func (e *evidence) judge() status.Update {
	addrs := joinAddrs(e.answer.Addresses)
	u := status.Update{State: status.Degraded}
	switch {
	case !e.answered():
		u = e.closed
	case e.route != nil:
		u.State, u.Reason, u.Detail = status.Down, status.ReasonNoRoute, e.route.Error()
	case !e.failing.IsZero():
		u.Reason, u.Detail = status.ReasonNoAddress, fmt.Sprintf("%s since %s; holding %s until %s",
			e.trouble, timeOfDay(e.failing), addrs, timeOfDay(e.holdEnds()))
	case asksOS(e.mode) && e.os.fault != "":
		u.Reason, u.Detail, u.Hint = status.ReasonLeak, e.os.fault, e.leakHint()
	default:
		u.State, u.Reason, u.Detail = status.OK, status.ReasonPrivate, "private: "+addrs
	}
	u.Facts = e.facts(u)
	return u
}

// leakHint knows better than the reason's hint if the stub was never told that
// the endpoint's name is private.
func (e *evidence) leakHint() string {
	if slices.ContainsFunc(e.domains, func(d string) bool { return dns.IsSubDomain(d, e.endpoint.Host) }) {
		return ""
	}
	return fmt.Sprintf("add the endpoint's domain to `resolver.domains`: %s is under none of them.", e.endpoint.Host)
}

func (e *evidence) facts(u status.Update) status.Facts {
	f := status.Facts{
		"host": e.endpoint.Host, "addresses": addrTexts(e.answer.Addresses),
		"private": u.State.Usable(), "device": e.path.Device,
	}
	if addrs, ok := u.Facts["addresses"]; ok {
		f["addresses"] = addrs
	}
	if asksOS(e.mode) && e.os.known {
		f["os_agrees"] = e.os.fault == ""
	}
	return f
}

// wake returns the time at which the evidence changes by itself, zero if never.
func (e *evidence) wake() time.Time {
	var at time.Time
	sooner := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if !e.failing.IsZero() {
		sooner(e.holdEnds())
	}
	if e.route != nil {
		sooner(e.nextRoute)
	}
	if e.wantsOS() {
		sooner(e.os.due)
	}
	return at
}

// wantsOS reports whether the OS's own lookup is to be compared with a proof
// that stands on a fresh answer.
func (e *evidence) wantsOS() bool {
	return asksOS(e.mode) && !e.os.asking && e.failing.IsZero() && len(e.proved()) > 0
}

func timeOfDay(t time.Time) string { return t.Local().Format(time.TimeOnly) }
