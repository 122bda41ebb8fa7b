package fleet

import "time"

// Linux's timers (tcp(7), net/ipv4/tcp_timer.c; RFC 6298): a SYN is repeated after
// 1 s, data after 200 ms at the least; each is doubled with every repetition.
const (
	firstSYN  = time.Second
	firstData = 200 * time.Millisecond
	lastData  = 2 * time.Minute // TCP_RTO_MAX
)

// reaches returns when a connection that is begun at at is answered: the first
// SYN that is not sent into the outage. It is false if there is none in limit.
func reaches(at time.Time, o Outage, limit time.Duration) (time.Time, bool) {
	end := at.Add(limit)
	for wait := firstSYN; at.Before(end); wait *= 2 {
		if !at.Before(o.Back) || at.Before(o.From) {
			return at, true
		}
		at = at.Add(wait)
	}
	return time.Time{}, false
}

// delivered returns when data that is sent at at arrives over a connection that
// stands: nobody has told its ends of the outage.
func delivered(at time.Time, o Outage) time.Time {
	for wait := firstData; !at.Before(o.From) && at.Before(o.Back); wait = min(2*wait, lastData) {
		at = at.Add(wait)
	}
	return at
}

// pingLost returns when a client notices the outage that sends a PINGREQ every
// interval, the first after the cut at first, and gives its answer limit. It is
// false if it does not.
func pingLost(first time.Time, o Outage, interval, limit time.Duration) (time.Time, bool) {
	for at := first; at.Before(o.Back); at = at.Add(interval) {
		if delivered(at, o).Sub(at) > limit {
			return at.Add(limit), true
		}
	}
	return time.Time{}, false
}
