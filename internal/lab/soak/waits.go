package soak

import (
	"strings"
	"time"
)

// slow is a recovery of which the log says what it waited for.
const slow = 20 * time.Second

// wait is what stood in the way from a moment on.
type wait struct {
	at   time.Duration // since the start of the soak
	what string
}

// waitsFor notes what is not yet as wanted, once for as long as it is the same.
// Details, in which seconds count down, make no difference.
func (s *soak) waitsFor(what string) {
	what, _, _ = strings.Cut(what, ": ")
	if n := len(s.waits); n == 0 || s.waits[n-1].what != what {
		s.waits = append(s.waits, wait{time.Since(s.began), what})
	}
}

// tellWaits writes down what a recovery waited for.
func (s *soak) tellWaits() {
	for _, w := range s.waits {
		s.say("  waited from %.1f on: %s", w.at.Seconds(), w.what)
	}
}
