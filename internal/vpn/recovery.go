package vpn

import (
	"time"

	"edgeagent/internal/config"
)

// action is what a rung of the recovery ladder does.
type action int

// From the gentlest to the last.
const (
	reconnect  action = iota // SIGUSR1: a new connection by the same process
	reread                   // SIGHUP: the configuration as well
	newProcess               // another process
	startOver                // the stage from its very beginning
)

// String is what status shows: words for people.
func (a action) String() string {
	return [...]string{"reconnect", "reread the configuration", "new process", "start over"}[a]
}

// rung is one step of a ladder: what to do when the path has been gone so long.
type rung struct {
	after time.Duration
	do    action
}

// openVPNRungs is the ladder of an OpenVPN link, in the order of time. A time
// of 0 leaves a rung out.
func openVPNRungs(r config.Recovery) []rung {
	var rungs []rung
	for _, s := range []rung{
		{r.OpenVPNSoft, reconnect},
		{r.OpenVPNHard, reread},
		{r.OpenVPNProcess, newProcess},
		{r.OpenVPNStartOver, startOver},
	} {
		if s.after > 0 {
			rungs = append(rungs, s)
		}
	}
	return rungs
}

// ladder is climbed while the path is gone, one rung at a time. It does nothing
// itself: it says what is due.
type ladder struct {
	rungs []rung
	since time.Time // when the path went; zero: it is there, or nothing here can help
	taken int       // rungs so far
	last  time.Time // when the last of them was
}

// begin starts the climb, unless it is under way.
func (l *ladder) begin(now time.Time) {
	if l.since.IsZero() {
		l.since, l.taken, l.last = now, 0, time.Time{}
	}
}

// leave ends the climb: the path is back, or is gone for a reason no rung can mend.
func (l *ladder) leave() { l.since = time.Time{} }

// next returns the rung to come and its time; ok is false if there is none.
func (l *ladder) next() (r rung, at time.Time, ok bool) {
	if l.since.IsZero() || l.taken == len(l.rungs) {
		return rung{}, time.Time{}, false
	}
	r = l.rungs[l.taken]
	return r, l.since.Add(r.after), true
}

// take returns the rung that is due at now and moves on to the one after it.
func (l *ladder) take(now time.Time) (action, bool) {
	r, at, ok := l.next()
	if !ok || at.After(now) {
		return 0, false
	}
	l.taken++
	l.last = now
	return r.do, true
}

// current returns the last rung taken; ok is false if the climb has not begun.
func (l *ladder) current() (do action, at time.Time, ok bool) {
	if l.since.IsZero() || l.taken == 0 {
		return 0, time.Time{}, false
	}
	return l.rungs[l.taken-1].do, l.last, true
}
