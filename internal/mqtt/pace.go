package mqtt

import (
	"context"
	"math/rand/v2"
	"time"
)

// pace spaces out connection attempts: full jitter, so that a fleet that lost
// one VPC endpoint does not come back as one, and never more than a CONNECT a
// second for the client id, whatever else resets it.
type pace struct {
	jitter func(time.Duration) time.Duration // uniform in [0, d)

	last     time.Time // of the last attempt, or of its CONNECT
	failures int       // in a row
	rivals   int       // rounds lost to another device in a row
	retry    retry
	pause    time.Duration // after last failure; zero: as soon as the gap allows
}

func newPace() *pace {
	return &pace{jitter: func(d time.Duration) time.Duration { return rand.N(d) }}
}

// restart forgets the failures: the path is new. The gap after the last CONNECT
// stays.
func (p *pace) restart() { p.failures, p.rivals, p.pause = 0, 0, 0 }

// began notes an attempt or its CONNECT.
func (p *pace) began(at time.Time) {
	if at.After(p.last) {
		p.last = at
	}
}

// failed sets the pause after f, which ended a session that had carried the
// path for lived, or an attempt that came to nothing (zero).
func (p *pace) failed(f *fault, lived time.Duration) {
	p.retry = f.retry
	if lived >= livedFor {
		p.failures = 0
	}
	switch {
	case f.retry == retryLocal:
		p.pause = recheckLocal
		return
	case f.retry == retryNow:
		p.pause = 0
		return
	case f.retry == retryRival:
		p.pause = min(rivalBackoffMin<<p.rivals, rivalBackoffMax) + p.jitter(rivalBackoffMin)
		p.rivals = min(p.rivals+1, 8)
	case lived >= livedFor:
		p.pause = p.jitter(firstRetry)
	default:
		p.pause = p.jitter(min(backoffMin<<p.failures, backoffMax))
	}
	p.failures = min(p.failures+1, 16) // 2 s << 16 is far past the cap and far from overflow
}

// next is when the next attempt may start, at the earliest: after the pause,
// counted from now, and the gap.
func (p *pace) next(now time.Time) time.Time {
	at := now.Add(p.pause)
	if gap := p.last.Add(connectGap); !p.last.IsZero() && at.Before(gap) {
		return gap
	}
	return at
}

// wait blocks until at. A value from back or moved, which say that the path may
// be good now, ends a pause that was for the path's sake as soon as the gap
// allows. It is false when ctx has ended.
func (p *pace) wait(ctx context.Context, at time.Time, back, moved <-chan struct{}) bool {
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

func (p *pace) hurry(timer *time.Timer) {
	if p.retry == retryPath {
		p.pause = 0
		timer.Reset(time.Until(p.next(time.Now())))
	}
}
