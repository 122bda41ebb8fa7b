package resolver

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestSlotsAreWaitedForWhileAnswersCome(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSlots(1)
		began := time.Now()
		want := func(what string, ok bool, after time.Duration) {
			t.Helper()
			if got, took := s.take(), time.Since(began); got != ok || took != after {
				t.Errorf("%s: %v after %s, want %v after %s", what, got, took, ok, after)
			}
			began = time.Now()
		}
		want("the only one", true, 0)
		want("nobody has ever answered", false, 0)
		s.give()
		want("given back", true, 0)
		time.AfterFunc(time.Millisecond, s.give)
		want("while answers come", true, time.Millisecond)
		want("they come no more", false, slotWithin)
		want("nobody has answered since", false, 0)
		time.AfterFunc(time.Second, s.give)
		time.Sleep(2 * time.Second)
		began = time.Now()
		want("somebody has", true, 0)
		want("so it is waited again", false, slotWithin)
	})
}
