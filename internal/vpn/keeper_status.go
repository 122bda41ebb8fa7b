package vpn

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"

	"edgeagent/internal/ovpn"
	"edgeagent/internal/status"
)

// shown is what was reported last.
type shown struct {
	update status.Update
	stale  bool // byte counters and the like may be published again
	wasOK  bool // in this run
}

// takes notes u and reports whether it is news: other words, or, if figures may
// be published again, other figures.
func (s *shown) takes(u status.Update) bool {
	before := s.update
	same := u.State == before.State && u.Reason == before.Reason && u.Detail == before.Detail && u.Hint == before.Hint
	if same && (!s.stale || reflect.DeepEqual(u.Facts, before.Facts)) {
		return false
	}
	s.update, s.stale = u, false
	return true
}

// usable reports whether the path may be used. A lost uplink has put it in
// doubt at once.
func (k *keeper) usable() bool { return k.path != nil && k.health.proven }

// publish reports what has changed since the last time. The path is there
// before the report says so, and gone before it says that.
func (k *keeper) publish(now time.Time) {
	k.tend(now)
	if k.usable() {
		k.shown.wasOK = true
		k.o.publish(k.path)
	} else {
		k.o.publish(nil)
	}
	u := k.update()
	if !k.shown.takes(u) {
		return
	}
	k.report(u)
}

// update is the link's condition as it is now.
func (k *keeper) update() status.Update {
	u := status.Update{Facts: k.facts()}
	switch {
	case k.usable():
		k.describeUp(&u)
	case k.cause == nil || k.cause.reason == status.ReasonConnecting && !k.shown.wasOK:
		u.State, u.Reason, u.Detail = status.Starting, status.ReasonConnecting, k.stepText()
		if k.shown.wasOK {
			u.State = status.Down
		}
	default:
		k.describeDown(&u)
	}
	u.Detail = plain(u.Detail)
	return u
}

// name begins each detail: with several links it must be clear which speaks.
func (k *keeper) name() string { return k.o.opts.Link.Name + " (openvpn)" }

// describeUp tells a path that carries, and what is about to go wrong with it.
func (k *keeper) describeUp(u *status.Update) {
	u.State, u.Reason = status.OK, status.ReasonConnected
	u.Detail = fmt.Sprintf("%s on %s, %s to %s", k.name(), k.path.Device, k.path.Address.Addr(), k.attempt.server.Addr())
	if since := k.health.resolverSilent(); !since.IsZero() {
		u.Detail += fmt.Sprintf("; bytes arrive, but %s is silent since %s", join(k.path.Servers), since.Format(time.TimeOnly))
	}
	switch {
	case k.expired != nil:
		u.State, u.Reason = status.Degraded, k.expired.reason
		u.Detail += "; " + k.expired.text + ": the next connection will be refused"
	case len(k.routing.stray) > 0:
		u.State, u.Reason = status.Degraded, status.ReasonNoRoute
		u.Detail += fmt.Sprintf("; another program routes %s elsewhere", join(k.routing.stray))
		u.Hint = "Find what sets that route or rule: `ip route get ADDRESS`, `ip rule`."
	}
}

// pingCost is what a server's pings cost that are the most of all traffic on a
// metered link, in MB a day both ways; 0 if they are rare, not paid for, or
// refused by the user's file.
func (k *keeper) pingCost() float64 {
	p := k.push.ping
	refused := k.prof != nil && slices.ContainsFunc(k.prof.lines, func(l string) bool {
		words := ovpn.Tokens(l)
		return len(words) == 3 && words[0] == "pull-filter" && words[1] != "accept" && words[2] == "ping "
	})
	if !k.o.opts.Link.Metered || p == 0 || p >= chattyPing || refused {
		return 0
	}
	return 11.75 / p.Seconds()
}

// describeDown tells the cause first, then what clears others of suspicion, what
// is being done and what comes next. Times are absolute: the text then changes
// only when something has happened.
func (k *keeper) describeDown(u *status.Update) {
	u.State, u.Reason, u.Hint = status.Down, k.cause.reason, k.cause.hint
	parts := []string{k.name() + ": " + k.cause.text}
	if u.Reason == status.ReasonNoAnswer && k.up.ok() {
		parts = append(parts, fmt.Sprintf("the uplink is there (%s)", k.up))
	}
	// A rung that was taken after the cause was last seen is what goes on now.
	if r, at, ok := k.ladder.current(); ok && at.After(k.blamed) {
		u.Reason = status.ReasonRecovering
		parts = append(parts, fmt.Sprintf("%s at %s", r.does, at.Format(time.TimeOnly)))
	}
	parts = append(parts, k.comingText()...)
	u.Detail = strings.Join(parts, "; ")
}

// comingText says what happens next by itself, if it is not just happening.
func (k *keeper) comingText() []string {
	var out []string
	for _, id := range []timer{startTimer, releaseTimer} {
		if at, ok := k.timers[id]; ok && time.Until(at) > time.Second {
			out = append(out, "next try at "+at.Format(time.TimeOnly))
		}
	}
	if r, at, ok := k.ladder.next(); ok && k.ladder.last != nil {
		out = append(out, fmt.Sprintf("next: %s at %s", r.does, at.Format(time.TimeOnly)))
	}
	return out
}

// stepText says how far a first connection has come.
func (k *keeper) stepText() string {
	switch {
	case k.phase == connected && k.path != nil:
		return fmt.Sprintf("%s: connected to %s, asking %s", k.name(), k.attempt.server, join(k.path.Servers))
	case k.pending != (remote{}) && (k.phase != connecting || !k.pin.IsValid()):
		return fmt.Sprintf("%s: looking up %s", k.name(), k.pending.host)
	case k.attempt.server.IsValid():
		return fmt.Sprintf("%s: connecting to %s", k.name(), k.attempt.server)
	}
	return k.name() + ": starting"
}

// facts are the figures for scripts; what is not known is left out.
func (k *keeper) facts() status.Facts {
	f := status.Facts{"link": k.o.opts.Link.Name, "type": "openvpn"}
	if k.proc != nil {
		f["pid"] = k.proc.PID()
		f["bytes_in"], f["bytes_out"] = k.in, k.out
	}
	if k.attempt.server.IsValid() {
		f["remote"] = k.attempt.server.String()
	}
	if k.up.ok() {
		f["uplink"] = k.up.String()
	}
	if k.id.leaf != nil {
		f["cert_expires"] = k.id.leaf.NotAfter.UTC().Format(time.RFC3339)
	}
	if k.path != nil {
		k.pathFacts(f)
	}
	if r, at, ok := k.ladder.current(); ok {
		f["recovery"] = r.does
		f["recovery_at"] = at.UTC().Format(time.RFC3339)
	}
	if r, at, ok := k.ladder.next(); ok && k.shown.wasOK {
		f["recovery_next"] = r.does
		f["recovery_next_at"] = at.UTC().Format(time.RFC3339)
	}
	return f
}

// pathFacts adds what is only known of a connection.
func (k *keeper) pathFacts(f status.Facts) {
	f["device"], f["address"], f["mtu"] = k.path.Device, k.path.Address.String(), k.device.mtu
	f["servers"] = texts(k.path.Servers)
	routes := make([]netip.Prefix, 0, len(k.routing.made))
	for _, r := range k.routing.made {
		if r.index == k.path.Index {
			routes = append(routes, r.dst)
		}
	}
	f["routes"] = texts(routes)
	if len(k.routing.withheld) > 0 {
		f["routes_withheld"] = texts(k.routing.withheld)
	}
	if k.push.ping > 0 {
		f["ping_s"] = int(k.push.ping.Seconds())
	}
	if cost := k.pingCost(); cost > 0 {
		f["ping_mb_a_day"] = cost // a warning of the agent's
	}
	if k.health.proven {
		f["probe_rtt_ms"] = float64(k.rtt.Microseconds()) / 1000
	}
}

// texts renders a list for JSON; it is never null.
func texts[T fmt.Stringer](list []T) []string {
	out := make([]string, 0, len(list))
	for _, v := range list {
		out = append(out, v.String())
	}
	return out
}

// join renders a list for people.
func join[T fmt.Stringer](list []T) string { return strings.Join(texts(list), ", ") }

// maxDetail keeps what a server pushes from filling the screen.
const maxDetail = 400

// plain makes one line of printable text of s.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > maxDetail {
		return string(r[:maxDetail]) + "..."
	}
	return s
}
