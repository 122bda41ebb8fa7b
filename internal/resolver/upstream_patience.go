package resolver

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// patience ends what takes too long, for many things that may each take the same
// time. They share one timer, which is left running when its thing has ended in
// time: setting a timer wakes a thread, which takes longer than the whole of what
// the stub does for a query. The zero value is ready.
type patience struct {
	mu      sync.Mutex
	waiting list.List // of wait, the first to end in front
	running bool      // the timer is, for the one in front or for one that is gone
}

// wait is one thing that may not take longer.
type wait struct {
	until time.Time
	end   func()
}

// within is context.WithTimeout, but that the end is told by the Cause of the
// context alone; its Err is context.Canceled then, too. d must be the same each
// time.
func (p *patience) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	stop := p.start(d, func() { cancel(context.DeadlineExceeded) })
	return ctx, func() {
		stop()
		cancel(nil)
	}
}

// start has end called after d, unless stop is called before. d must be the same
// each time.
func (p *patience) start(d time.Duration, end func()) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	el := p.waiting.PushBack(wait{time.Now().Add(d), end})
	if !p.running {
		p.running = true
		time.AfterFunc(d, p.expire)
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.waiting.Remove(el) // does nothing if it has expired
	}
}

// expire ends what is due.
func (p *patience) expire() {
	for _, end := range p.due() {
		end()
	}
}

// due takes out what is due and sets the timer for what is left, if anything.
func (p *patience) due() (ends []func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for el := p.waiting.Front(); el != nil; el = p.waiting.Front() {
		w := el.Value.(wait)
		if left := time.Until(w.until); left > 0 {
			time.AfterFunc(left, p.expire)
			return ends
		}
		p.waiting.Remove(el)
		ends = append(ends, w.end)
	}
	p.running = false
	return ends
}
