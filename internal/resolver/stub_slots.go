package resolver

import (
	"sync/atomic"
	"time"
)

// slotWithin is how long a query may wait for a slot while answers come. Nobody
// else is read meanwhile.
const slotWithin = 5 * time.Millisecond

// slots bound the queries in flight to one side. A rush of more is worked off as
// fast as that side answers; only one that does not answer has them refused.
type slots struct {
	taken chan struct{}
	freed atomic.Uint64 // how many, so far
	vain  atomic.Uint64 // freed by then, the last time that a wait was in vain
}

func newSlots(n int) *slots { return &slots{taken: make(chan struct{}, n)} }

// take reports whether there is a slot; it must be given back then.
func (s *slots) take() bool {
	select {
	case s.taken <- struct{}{}:
		return true
	default:
	}
	freed := s.freed.Load()
	if freed == s.vain.Load() {
		return false // it has not answered since: the other side must not wait for it
	}
	t := time.NewTimer(slotWithin)
	defer t.Stop()
	select {
	case s.taken <- struct{}{}:
		return true
	case <-t.C:
		s.vain.Store(freed)
		return false
	}
}

func (s *slots) give() {
	s.freed.Add(1)
	<-s.taken
}
