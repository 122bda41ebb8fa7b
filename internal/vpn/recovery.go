package vpn

import (
	"slices"
	"sync/atomic"
	"time"

	"edgeagent/internal/config"
)

// Rungs of an OpenVPN link's ladder, from the gentlest to the last.
const (
	rungReconnect  = "reconnect"   // SIGUSR1: a new connection by the same process
	rungReread     = "reread"      // SIGHUP: the configuration as well
	rungNewProcess = "new-process" // another process
	rungStartOver  = "start-over"  // the stage from its very beginning
)

// rung is one step of a ladder, as data: what to do when the path has been gone
// so long, and how often.
type rung struct {
	name  string        // for code and scripts
	does  string        // what status shows: words for people
	after time.Duration // since the path went
	// again is the pause after which it is due once more while the path stays
	// away, doubled each time up to againMax (0: not doubled); 0: once a climb.
	again, againMax time.Duration
	// most bounds how often it is taken in 24 hours, over all climbs; 0: no bound.
	most int
}

// ration is the time over which a rung's most counts.
const ration = 24 * time.Hour

// openVPNRungs is the ladder of an OpenVPN link, in the order of time. Each is
// taken once: the last begins the next climb by starting over.
func openVPNRungs(r config.Recovery) []rung {
	return without0([]rung{
		{name: rungReconnect, does: "reconnect", after: r.OpenVPNSoft},
		{name: rungReread, does: "reread the configuration", after: r.OpenVPNHard},
		{name: rungNewProcess, does: "new process", after: r.OpenVPNProcess},
		{name: rungStartOver, does: "start over", after: r.OpenVPNStartOver},
	})
}

// without0 leaves out the rungs whose time of 0 says never.
func without0(rungs []rung) []rung {
	return slices.DeleteFunc(rungs, func(r rung) bool { return r.after <= 0 })
}

// ladder is climbed while the path is gone, one rung at a time. It does nothing
// itself: it says what is due.
type ladder struct {
	rungs []rung
	// only, unless nil, are the names of the rungs that can be taken now.
	only  []string
	since time.Time // when the path went; zero: it is there, or nothing here can help
	// steps is by rung, of this climb.
	steps []stair
	// taken is by rung's name: when it was, in the last 24 hours of all climbs.
	taken map[string][]time.Time
	// count is of all rungs ever taken, whatever came of them; may be nil.
	count *atomic.Int64
	last  *rung     // taken last in this climb
	at    time.Time // when that was
}

// stair is how one rung stands in a climb.
type stair struct {
	due   time.Time // zero: not any more
	pause time.Duration
}

// begin starts the climb, unless it is under way.
func (l *ladder) begin(now time.Time) {
	if !l.since.IsZero() {
		return
	}
	l.since, l.last, l.steps = now, nil, nil
	for _, r := range l.rungs {
		l.steps = append(l.steps, stair{due: now.Add(r.after), pause: r.again})
	}
}

// leave ends the climb: the path is back, or is gone for a reason no rung can mend.
func (l *ladder) leave() { l.since = time.Time{} }

// next returns the rung to come and its time; ok is false if there is none.
func (l *ladder) next() (r rung, at time.Time, ok bool) {
	if i := l.first(); i >= 0 {
		return l.rungs[i], l.dueAt(i), true
	}
	return rung{}, time.Time{}, false
}

// first is the index of the rung that is due before all others; the gentler
// wins a tie. -1: none.
func (l *ladder) first() int {
	best := -1
	if l.since.IsZero() {
		return best
	}
	for i, r := range l.rungs {
		if l.steps[i].due.IsZero() || l.only != nil && !slices.Contains(l.only, r.name) {
			continue
		}
		if best < 0 || l.dueAt(i).Before(l.dueAt(best)) {
			best = i
		}
	}
	return best
}

// dueAt is when rung i may be taken, its ration considered.
func (l *ladder) dueAt(i int) time.Time {
	r, at := l.rungs[i], l.steps[i].due
	if taken := l.taken[r.name]; r.most > 0 && len(taken) >= r.most {
		at = later(at, taken[len(taken)-r.most].Add(ration))
	}
	return at
}

// take returns the rung that is due at now and moves on to the one after it.
func (l *ladder) take(now time.Time) (rung, bool) {
	i := l.first()
	if i < 0 || l.dueAt(i).After(now) {
		return rung{}, false
	}
	r, s := l.rungs[i], &l.steps[i]
	s.due = time.Time{}
	if r.again > 0 {
		s.due = now.Add(s.pause)
		if r.againMax > 0 {
			s.pause = min(2*s.pause, r.againMax)
		}
	}
	if l.taken == nil {
		l.taken = map[string][]time.Time{}
	}
	recent := slices.DeleteFunc(l.taken[r.name], func(t time.Time) bool { return now.Sub(t) >= ration })
	l.taken[r.name] = append(recent, now)
	l.last, l.at = &r, now
	if l.count != nil {
		l.count.Add(1)
	}
	return r, true
}

// putOff makes a rung due no earlier than at, as its own budget says. It was
// not taken then.
func (l *ladder) putOff(name string, at time.Time) {
	if l.since.IsZero() {
		return
	}
	for i, r := range l.rungs {
		if r.name == name {
			l.steps[i].due = at
			l.taken[name] = l.taken[name][:max(len(l.taken[name])-1, 0)]
		}
	}
}

// current returns the last rung taken; ok is false if the climb has not begun.
func (l *ladder) current() (r rung, at time.Time, ok bool) {
	if l.since.IsZero() || l.last == nil {
		return rung{}, time.Time{}, false
	}
	return *l.last, l.at, true
}
