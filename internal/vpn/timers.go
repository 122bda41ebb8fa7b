package vpn

import "time"

// timer names a moment the loop waits for.
type timer int

const (
	startTimer   timer = iota // start a process
	dialTimer                 // give up reaching its management socket
	endTimer                  // the process was asked to end: insist
	releaseTimer              // let it connect
	lookupTimer               // look the server's name up again
	wakeTimer                 // OpenVPN waits for its clock, see wake
	probeTimer                // probe the path
	silenceTimer              // the server has been silent for too long
	speechTimer               // OpenVPN itself has been
	ladderTimer               // take the next rung
	softTimer                 // reconnect once, for a silent resolver
	anewTimer                 // reconnect, as what is sent is lost
	inspectTimer              // look at the network
	deviceTimer               // the device is gone, and OpenVPN has said nothing
	watchTimer                // look for changed files, while they are refused
	certTimer                 // the client certificate ends
	factsTimer                // publish the byte counters
)

// timers are the moments the loop waits for. A zero time is none.
type timers map[timer]time.Time

// set makes at the time of id, or stops it if at is zero.
func (t timers) set(id timer, at time.Time) {
	if at.IsZero() {
		delete(t, id)
		return
	}
	t[id] = at
}

// sooner brings id forward to at.
func (t timers) sooner(id timer, at time.Time) {
	if old, ok := t[id]; !ok || at.Before(old) {
		t[id] = at
	}
}

// stop forgets timers.
func (t timers) stop(ids ...timer) {
	for _, id := range ids {
		delete(t, id)
	}
}

// due takes id out and reports whether its time has come.
func (t timers) due(id timer, now time.Time) bool {
	at, ok := t[id]
	if !ok || at.After(now) {
		return false
	}
	delete(t, id)
	return true
}

// next returns the earliest moment; zero if there is none.
func (t timers) next() time.Time {
	var first time.Time
	for _, at := range t {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return first
}
