package vpn

import (
	"fmt"
	"maps"
	"net/netip"
	"strings"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// publish reports what has changed since the last time. The path is there
// before the report says so, and gone before it says that.
func (w *warden) publish(now time.Time) {
	w.tend(now)
	if w.usable() {
		w.shown.wasOK = true
		w.i.publish(w.path)
	} else {
		w.i.publish(nil)
	}
	u := w.update()
	if !w.shown.takes(u) {
		return
	}
	w.timers.set(factsTimer, now.Add(rescueFactsEvery))
	w.report(u)
}

// update is the link's condition as it is now.
func (w *warden) update() status.Update {
	u := status.Update{Facts: w.facts()}
	switch {
	case w.usable():
		w.describeUp(&u)
	case w.path != nil && w.resting():
		u.State, u.Reason = status.Waiting, status.ReasonStandby
		u.Detail = fmt.Sprintf("%s on %s, %s: ready; metered, so it is not probed before it is needed",
			w.name(), w.path.Device, w.path.Address.Addr())
	case w.cause == nil:
		u.State, u.Reason = status.Starting, status.ReasonConnecting
		u.Detail = w.name() + ": looking for the device"
		if w.path != nil {
			u.Detail = fmt.Sprintf("%s: asking %s through %s", w.name(), join(w.path.Servers), w.path.Device)
		}
		if w.shown.wasOK {
			u.State = status.Down
		}
	default:
		w.describeDown(&u)
	}
	u.Detail = plain(u.Detail)
	return u
}

// name begins each detail: with several links it must be clear which speaks.
func (w *warden) name() string { return w.i.opts.Link.Name + " (" + config.LinkInterface + ")" }

// describeUp tells a path that carries, and what is wrong with it.
func (w *warden) describeUp(u *status.Update) {
	u.State, u.Reason = status.OK, status.ReasonConnected
	u.Detail = fmt.Sprintf("%s on %s, %s", w.name(), w.path.Device, w.path.Address.Addr())
	if since := w.pulse.silent(); !since.IsZero() {
		u.Detail += fmt.Sprintf("; traffic flows, but %s is silent since %s", join(w.path.Servers), since.Format(time.TimeOnly))
	}
	if len(w.routing.withheld) > 0 {
		u.Detail += fmt.Sprintf("; %s is this device's own network as well: only the addresses needed are routed", join(w.routing.withheld))
	}
	if len(w.routing.stray) > 0 {
		u.State, u.Reason = status.Degraded, status.ReasonNoRoute
		u.Detail += fmt.Sprintf("; another program routes %s elsewhere", join(w.routing.stray))
		u.Hint = "Find what sets that route or rule: `ip route get ADDRESS`, `ip rule`."
	}
}

// describeDown tells the cause first, then what is being done and what comes
// next. Times are absolute: the text changes only when something has happened.
func (w *warden) describeDown(u *status.Update) {
	u.State, u.Reason, u.Hint = status.Down, w.cause.reason, w.cause.hint
	parts := []string{w.name() + ": " + w.cause.text}
	if w.rescue.doing != nil {
		u.Reason = status.ReasonRecovering
		parts = append(parts, "now: "+w.rescue.doing.does)
	} else if r, at, ok := w.rescue.ladder.current(); ok && at.After(w.blamed) {
		u.Reason = status.ReasonRecovering
		parts = append(parts, fmt.Sprintf("%s at %s", r.does, at.Format(time.TimeOnly)))
	}
	if w.rescue.note != "" {
		parts = append(parts, w.rescue.note)
	}
	if r, at, ok := w.rescue.ladder.next(); ok && w.rescue.doing == nil {
		parts = append(parts, fmt.Sprintf("next: %s at %s", r.does, later(at, w.rescue.rest).Format(time.TimeOnly)))
	}
	// What is done by itself does not tell a person on the site what to look at.
	if u.Reason == status.ReasonRecovering && u.Hint == "" {
		u.Hint = status.Hint("link", w.cause.reason)
	}
	u.Detail = strings.Join(parts, "; ")
}

// facts are the figures for scripts; what is not known is left out.
func (w *warden) facts() status.Facts {
	l := w.i.opts.Link
	f := status.Facts{}
	maps.Copy(f, w.rescue.facts)
	f["link"], f["type"], f["metered"] = l.Name, config.LinkInterface, l.Metered
	if w.device.index != 0 {
		f["device"], f["mtu"] = w.device.name, w.device.mtu
		f["agent_bytes_day"] = w.i.opts.Meter.Day(w.device.name)
	}
	if w.path != nil {
		w.pathFacts(f)
	}
	if w.rescue.pong.answered {
		f["pong_rtt_ms"] = milliseconds(w.rescue.pong.rtt)
	}
	if r, at, ok := w.rescue.ladder.current(); ok {
		f["recovery"], f["recovery_at"] = r.name, at.UTC().Format(time.RFC3339)
	}
	if r, at, ok := w.rescue.ladder.next(); ok {
		f["recovery_next"], f["recovery_next_at"] = r.name, later(at, w.rescue.rest).UTC().Format(time.RFC3339)
	}
	return f
}

// pathFacts adds what is only known of a device with an address.
func (w *warden) pathFacts(f status.Facts) {
	f["address"] = w.path.Address.String()
	f["servers"] = texts(w.path.Servers)
	if w.gateway.IsValid() {
		f["gateway"] = w.gateway.String()
	}
	routes := make([]netip.Prefix, 0, len(w.routing.made))
	for _, r := range w.routing.made {
		routes = append(routes, r.dst)
	}
	f["routes"] = texts(routes)
	if len(w.routing.withheld) > 0 {
		f["routes_withheld"] = texts(w.routing.withheld)
	}
	if w.pulse.proven {
		f["probe_rtt_ms"] = milliseconds(w.rtt)
	}
}

// milliseconds with three decimals, as scripts like them.
func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
