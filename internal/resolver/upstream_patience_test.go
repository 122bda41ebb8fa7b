package resolver

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestPatienceEndsEachInItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		began := time.Now()
		ended := make(chan time.Duration, 4)
		start := func() (stop func()) {
			return p.start(4*time.Second, func() { ended <- time.Since(began) })
		}
		start() // at 0 s
		time.Sleep(time.Second)
		stop := start() // at 1 s
		start()
		time.Sleep(time.Second)
		start() // at 2 s
		stop()
		time.Sleep(time.Minute)
		stop() // late, for nothing
		var got []time.Duration
		for range len(ended) {
			got = append(got, <-ended)
		}
		if want := []time.Duration{4 * time.Second, 5 * time.Second, 6 * time.Second}; !slices.Equal(got, want) {
			t.Errorf("ended after %v, want %v", got, want)
		}
	})
}

// A timer that is set for each would cost more than what it guards.
func TestPatienceKeepsItsTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		fail := func() { t.Error("ended what was stopped") }
		p.start(4*time.Second, fail)()
		if running, _ := p.state(); !running {
			t.Error("the timer is stopped with what it was for")
		}
		time.Sleep(3 * time.Second)
		stop := p.start(4*time.Second, fail)
		time.Sleep(3 * time.Second) // the timer has run out, and another been set
		stop()
		time.Sleep(2 * time.Second)
		if running, waiting := p.state(); running || waiting != 0 {
			t.Errorf("running %v for %d", running, waiting)
		}
	})
}

func TestPatienceOfAContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var p patience
		ctx, cancel := p.within(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		<-ctx.Done()
		if took := time.Since(began); took != time.Second || !errors.Is(context.Cause(ctx), context.DeadlineExceeded) {
			t.Errorf("ended after %s: %v", took, context.Cause(ctx))
		}
		ctx, cancel = p.within(t.Context(), time.Second)
		cancel()
		if _, waiting := p.state(); !errors.Is(context.Cause(ctx), context.Canceled) || waiting != 0 {
			t.Errorf("cancelled: %v, %d are waited for", context.Cause(ctx), waiting)
		}
	})
}

func (p *patience) state() (running bool, waiting int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running, p.waiting.Len()
}
