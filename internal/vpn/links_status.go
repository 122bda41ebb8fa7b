package vpn

import (
	"fmt"
	"maps"
	"reflect"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// LinkState is one of the links, as scripts see it in the stage's facts.
type LinkState struct {
	Name   string        `json:"name"`
	Type   string        `json:"type"`
	State  status.State  `json:"state"`
	Reason status.Reason `json:"reason"`
	Detail string        `json:"detail"`
	Device string        `json:"device"` // network device; empty while there is none
	Active bool          `json:"active"` // carries the path, or is to
	// AgentBytesDay is what the agent itself sent and received through the
	// device in the last 24 hours, in bytes; tunnels and others are not in it.
	AgentBytesDay int64 `json:"agent_bytes_day"`
	// Rungs is how many steps of recovery were taken since the daemon started,
	// Recoveries how often the link was lost and is well again.
	Rungs      int64 `json:"rungs"`
	Recoveries int   `json:"recoveries"`
}

// List returns all links in the order of the configuration.
func (l *Links) List() []LinkState {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.list()
}

func (l *Links) list() []LinkState {
	out := make([]LinkState, 0, len(l.members))
	for _, m := range l.members {
		s := LinkState{
			Name: m.link.Name, Type: m.link.Type, State: m.update.State, Reason: m.update.Reason, Detail: m.update.Detail,
			Active: m == l.front, Rungs: m.run.rungs(), Recoveries: m.backs,
		}
		if s.State == "" {
			s.State, s.Reason = status.Starting, status.ReasonConnecting
		}
		if d, ok := m.update.Facts["device"].(string); ok {
			s.Device, s.AgentBytesDay = d, l.o.Meter.Day(d)
		}
		out = append(out, s)
	}
	return out
}

// tell reports the condition if it is news. The path can be used before that is
// said, and cannot before the contrary is.
func (l *Links) tell(u status.Update) {
	if !u.State.Usable() {
		l.open.Store(nil)
	} else {
		l.open.Store(l.front)
		if p, ok := l.front.run.Path(); ok {
			if err := l.roads.guard(p.Servers...); err != nil {
				l.o.Log.Warn("guarding the VPC's addresses", "err", err)
			}
		}
	}
	if !reflect.DeepEqual(u, l.told) {
		l.told = u
		l.report(u)
	}
}

// moving is the condition between two links.
func (l *Links) moving(before, next *member) status.Update {
	detail := fmt.Sprintf("%s; switching to %s", before.update.Detail, next.link.Name)
	if before.update.State.Usable() {
		detail = fmt.Sprintf("going back from %s to %s", before.link.Name, next.link.Name)
	}
	return status.Update{State: status.Down, Reason: status.ReasonFailover, Facts: l.factsOf(next), Detail: plain(detail)}
}

// compose is the condition of the stage: that of the link that carries, and what
// is wrong with the others.
func (l *Links) compose(now time.Time) status.Update {
	m := l.front
	switch {
	case m != nil:
	case l.heir != nil && l.heir.hopeful():
		m = l.heir // tunnels go on over it: what another link lacks is not their end
	default:
		m = l.members[0]
	}
	u := m.update
	u.Facts = l.factsOf(m)
	switch {
	case !m.usable.IsZero() && l.front == m:
		l.addPreferred(now, &u)
	default:
		l.addOthers(m, &u)
	}
	u.Detail = plain(u.Detail)
	return u
}

// addPreferred says why a link further down the list carries. That is a fault:
// somebody wanted another one.
func (l *Links) addPreferred(now time.Time, u *status.Update) {
	past := false
	for _, m := range l.members {
		switch {
		case m == l.front:
			past = true
		case past:
			if m.update.State == status.Down {
				u.Detail += "; standby " + m.update.Detail
			}
		case !m.usable.IsZero():
			u.State, u.Reason, u.Hint = status.Degraded, status.ReasonFailover, "nothing to do: the path goes back by itself."
			u.Detail += fmt.Sprintf("; %s is well again, back to it at %s", m.link.Name, m.usable.Add(m.hold).Format(time.TimeOnly))
		default:
			u.State, u.Reason, u.Hint = status.Degraded, status.ReasonFailover, hintOf(m.update)
			u.Detail += "; " + m.update.Detail
		}
	}
}

// addOthers says what keeps the others from carrying.
func (l *Links) addOthers(m *member, u *status.Update) {
	if u.State == "" || u.State == status.Waiting || u.State.Usable() {
		u.State, u.Reason = status.Starting, status.ReasonConnecting
	}
	if u.State == status.Starting && l.told.State != "" && l.told.State != status.Starting {
		u.State = status.Down // it was up, or known to be down, before
	}
	details := []string{u.Detail}
	for _, o := range l.members {
		if o != m && o.update.State == status.Down {
			details = append(details, o.update.Detail)
		}
	}
	u.Detail = strings.Trim(strings.Join(details, "; "), "; ")
}

// hintOf is the next action for a link's condition.
func hintOf(u status.Update) string {
	if u.Hint != "" {
		return u.Hint
	}
	return status.Hint("link", u.Reason)
}

// factsOf are the facts of the link that carries, and the list of all.
func (l *Links) factsOf(m *member) status.Facts {
	f := maps.Clone(m.update.Facts)
	if f == nil {
		f = status.Facts{"link": m.link.Name, "type": m.link.Type}
	}
	f["links"], f["failovers"] = l.list(), l.moves
	return f
}
