package vpn

import (
	"slices"
	"time"

	"edgeagent/internal/status"
)

// When the path goes over from one link to another.
const (
	// holdBase is how long a preferred link must have been well before the path
	// goes back to it, doubled up to holdMax each time that proved too early.
	holdBase, holdMax = 5 * time.Minute, time.Hour
	// quietAfter is how long it must have carried for the next hold to be a first
	// one again.
	quietAfter = time.Hour
	// headStart is for the preferred links at the beginning: an OpenVPN that is
	// still connecting would be failed back to a few minutes later.
	headStart = 15 * time.Second
	// reconnectGrace is for a link that said itself that it reconnects: the same
	// path is then back sooner than another could be proved.
	reconnectGrace = 3 * time.Second
)

// decide chooses the link that carries, tells each what it is for, and reports.
// It is called after everything that might change the choice; l.mu is held.
func (l *Links) decide(now time.Time) {
	if l.report == nil || l.over() {
		return
	}
	l.wake = time.Time{}
	if next := l.choose(now); next != l.front {
		l.change(now, next)
	}
	l.assign(now)
	l.tell(l.compose(now))
}

// choose returns the member that should carry now.
func (l *Links) choose(now time.Time) *member {
	if l.front != nil && !l.front.usable.IsZero() {
		return l.failback(now)
	}
	if l.reconnecting(now) {
		return l.front
	}
	if l.front == nil && l.heir != nil {
		if l.heir.ready() {
			return l.heir
		}
		if l.heir.hopeful() && l.later(now, l.began.Add(headStart)) {
			return nil
		}
	}
	best := l.best()
	if best == nil {
		return l.front
	}
	for _, m := range l.members {
		if m == best {
			break
		}
		if l.front == nil && m.hopeful() && l.later(now, l.began.Add(headStart)) {
			return nil
		}
	}
	return best
}

// reconnecting reports whether the link that carried is about to be back by itself.
func (l *Links) reconnecting(now time.Time) bool {
	return l.front != nil && l.front.usable.IsZero() && l.front.update.Reason == status.ReasonConnecting &&
		l.later(now, l.lost.Add(reconnectGrace))
}

// failback returns a preferred link that has been well for long enough, or the
// one that carries.
func (l *Links) failback(now time.Time) *member {
	for _, m := range l.members {
		if m == l.front {
			break
		}
		if !m.usable.IsZero() && !l.later(now, m.usable.Add(m.hold)) {
			return m
		}
	}
	return l.front
}

// best is the first member that has proved itself, else the first that is ready.
func (l *Links) best() *member {
	for _, fit := range []func(*member) bool{
		func(m *member) bool { return !m.usable.IsZero() },
		func(m *member) bool { return m != l.front && m.ready() },
	} {
		if i := slices.IndexFunc(l.members, fit); i >= 0 {
			return l.members[i]
		}
	}
	return nil
}

// later reports whether at is still to come, and if so has the choice made again then.
func (l *Links) later(now, at time.Time) bool {
	if !at.After(now) {
		return false
	}
	if l.wake.IsZero() || at.Before(l.wake) {
		l.wake = at
	}
	return true
}

// change moves the path: withdrawn and told, then the routes, then the rest.
func (l *Links) change(now time.Time, next *member) {
	before := l.front
	if before != nil {
		l.o.Log.Info("the path goes by another link", "from", before.link.Name, "to", next.link.Name, "why", before.update.Detail)
		l.moves++
	}
	if l.open.Load() != nil {
		l.tell(l.moving(before, next))
	}
	next.back = before != nil && slices.Index(l.members, next) < slices.Index(l.members, before)
	next.chosen = now
	l.front, l.heir = next, nil
	if err := l.roads.put(next.lane); err != nil {
		l.o.Log.Warn("moving the routes", "to", next.link.Name, "err", err)
	}
}

// assign tells each link what it is for: to carry or to come back, or to stand by.
func (l *Links) assign(now time.Time) {
	alarm := l.alarmed(now)
	past := false
	for _, m := range l.members {
		d := duty{standby: past && !alarm, hasty: l.relieved(m)}
		if m == l.front {
			past, d.standby = true, false
		} else if l.front == nil {
			d.standby = m != l.members[0] && m != l.heir && !alarm
		}
		m.run.serve(d)
		l.rouse(m, !m.costly() || !d.standby)
	}
}

// alarmed reports whether everything that might carry is needed.
func (l *Links) alarmed(now time.Time) bool {
	if l.front != nil {
		return l.front.update.State == status.Down && l.front.usable.IsZero() && !l.reconnecting(now)
	}
	return l.members[0].update.State == status.Down || !l.later(now, l.began.Add(headStart))
}

// relieved reports whether another link could take over from m at once.
func (l *Links) relieved(m *member) bool {
	return slices.ContainsFunc(l.members, func(o *member) bool { return o != m && o.ready() })
}

// rouse has a link run or not.
func (l *Links) rouse(m *member, awake bool) {
	if !awake && (m.awake || m.update.State == "") {
		m.update, m.usable = asleep(m), time.Time{}
	}
	if m.awake == awake {
		return
	}
	m.awake = awake
	if awake {
		m.update = status.Update{}
	} else if m.cancel != nil {
		m.cancel()
	}
	select {
	case m.wanted <- struct{}{}:
	default:
	}
}
