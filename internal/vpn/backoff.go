package vpn

import (
	"math/rand/v2"
	"time"
)

// backoff spaces attempts: the first at once, then base, doubled each time up
// to limit, each with full jitter so that a site's devices do not come in step.
type backoff struct {
	base, limit time.Duration
	tries       int
	// rand returns a time in [0, d); nil: at random.
	rand func(d time.Duration) time.Duration
}

// next returns the pause before the next attempt.
func (b *backoff) next() time.Duration {
	b.tries++
	if b.tries == 1 {
		return 0
	}
	ceiling := b.limit
	if shift := b.tries - 2; shift < 20 {
		ceiling = min(b.limit, b.base<<shift)
	}
	if b.rand != nil {
		return b.rand(ceiling) + 1
	}
	return rand.N(ceiling) + 1
}

// reset makes the next pause a first one again: something has changed that
// promises success.
func (b *backoff) reset() { b.tries = 0 }

// jitter spreads d by a fifth to both sides.
func jitter(d time.Duration) time.Duration {
	return d - d/5 + rand.N(2*d/5)
}
