package mqtt

import (
	"context"
	"math/rand/v2"
	"time"
)

// Retry says what the pause before the next attempt depends on.
type Retry byte

// The zero Retry is RetryBackoff.
const (
	RetryBackoff Retry = iota // grows with each failure
	RetryPath                 // as RetryBackoff, but ends when the path is said to be back
	RetryLocal                // the device's own clock or files: looked at again, nothing is sent
	RetryNow                  // as soon as the gap allows
	RetryRival                // another device has the client id: at least a minute
	RetryCrowd                // refused as an endpoint with too many at once refuses: in turn, if there is a fleet
)

// Pace spaces out one device's connection attempts: full jitter, so that a fleet
// that lost one VPC endpoint does not come back as one, and never more than a
// CONNECT a second for the client id, whatever else resets it. In a fleet whose
// size is known, the device takes its turn after the whole path was gone.
//
// It reads no clock of its own, so that what a fleet does can be simulated with it.
type Pace struct {
	jitter func(time.Duration) time.Duration // uniform in [0, d)
	turn   turn

	last     time.Time // of the last attempt, or of its CONNECT
	failures int       // in a row
	rivals   int       // rounds lost to another device in a row
	retry    Retry
	pause    time.Duration // after last failure; zero: as soon as the gap allows
	due      time.Time     // of the turn that the next attempt waits for; zero: none
	tries    int           // left since the last turn, before the next is waited for
}

// NewPace returns the Pace of a device that has not connected yet. fleet is how
// many devices share the account's quota, 0 if that is not known. jitter returns
// a time in [0, d); nil: at random.
func NewPace(clientID string, fleet int, jitter func(d time.Duration) time.Duration) *Pace {
	if jitter == nil {
		jitter = func(d time.Duration) time.Duration { return rand.N(d) }
	}
	p := &Pace{jitter: jitter}
	if fleet > 0 {
		p.turn = newTurn(clientID, fleet)
	}
	return p
}

// Resume forgets the failures: the path is new. The gap after the last CONNECT
// stays. If there was one, the path has been gone, and not for a reason of this
// device's own, then so has the fleet's: the next attempt waits for its turn.
func (p *Pace) Resume(now time.Time, own bool) {
	p.failures, p.rivals, p.pause = 0, 0, 0
	p.due, p.tries = time.Time{}, 0
	if !own && !p.last.IsZero() {
		p.queue(now)
	}
}

// queue has the next attempt wait for its turn, if there is a fleet.
func (p *Pace) queue(now time.Time) {
	if p.turn.window > 0 {
		p.due = p.turn.next(now)
	}
}

// Began notes an attempt or its CONNECT.
func (p *Pace) Began(at time.Time) {
	if at.After(p.last) {
		p.last = at
	}
	if !p.due.IsZero() {
		p.due, p.tries = time.Time{}, turnTries
	}
}

// Failed sets the pause after the end of a session that had carried the path
// for lived, or of an attempt that came to nothing (zero).
func (p *Pace) Failed(now time.Time, why Retry, lived time.Duration) {
	p.retry = why
	if lived >= livedFor {
		p.failures = 0
	}
	switch {
	case why == RetryLocal:
		p.pause = recheckLocal
		return
	case why == RetryNow:
		p.pause = 0
		return
	case why == RetryRival:
		p.pause = min(rivalBackoffMin<<p.rivals, rivalBackoffMax) + p.jitter(rivalBackoffMin)
		p.rivals = min(p.rivals+1, 8)
	case why == RetryCrowd && p.turn.window > 0:
		p.crowded(now)
	case lived >= livedFor:
		p.pause = p.jitter(firstRetry)
	default:
		p.pause = p.jitter(min(backoffMin<<p.failures, backoffMax))
	}
	p.failures = min(p.failures+1, 16) // 2 s << 16 is far past the cap and far from overflow
}

// crowded answers a refusal. Out of turn, the device waits for its turn, but no
// less than it would alone: it may be its policy, and in a small fleet its turn comes
// every few seconds. In turn, chance has put too many in its place, which need not
// cost another window: there is room soon.
func (p *Pace) crowded(now time.Time) {
	p.pause = 0
	if p.tries > 0 {
		p.tries--
		p.pause = p.jitter(p.turn.window / turnAgain)
		return
	}
	p.queue(now.Add(p.jitter(min(backoffMin<<p.failures, backoffMax))))
}

// Next is when the next attempt may start, at the earliest: in its turn or after
// the pause, counted from now, and after the gap.
func (p *Pace) Next(now time.Time) time.Time {
	at := now.Add(p.pause)
	if p.due.After(at) {
		at = p.due
	}
	if gap := p.last.Add(connectGap); !p.last.IsZero() && at.Before(gap) {
		return gap
	}
	return at
}

// wait blocks until at. A value from back or moved, which say that the path may
// be good now, ends a pause that was for the path's sake as soon as the gap
// allows. It is false when ctx has ended.
func (p *Pace) wait(ctx context.Context, at time.Time, back, moved <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return ctx.Err() == nil
		case <-back:
			p.hurry(timer)
		case <-moved:
			p.hurry(timer)
		case <-ctx.Done():
			return false
		}
	}
}

func (p *Pace) hurry(timer *time.Timer) {
	if p.retry == RetryPath {
		p.pause = 0
		timer.Reset(time.Until(p.Next(time.Now())))
	}
}
