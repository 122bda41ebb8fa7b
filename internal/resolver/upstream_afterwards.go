package resolver

import (
	"context"
	"sync"
)

// afterwards is what can be done when the client has its answer.
type afterwards struct {
	mu   sync.Mutex
	todo []func()
	over bool // too late: it is done at once
}

type afterwardsKey struct{}

// withAfterwards returns a context that keeps what is given to afterwardsDo until
// finish is called.
func withAfterwards(ctx context.Context) (_ context.Context, finish func()) {
	a := &afterwards{}
	return context.WithValue(ctx, afterwardsKey{}, a), a.finish
}

// afterwardsDo calls f when the client has its answer, or at once if nobody keeps
// it that long.
func afterwardsDo(ctx context.Context, f func()) {
	a, _ := ctx.Value(afterwardsKey{}).(*afterwards)
	if a == nil || !a.add(f) {
		f()
	}
}

func (a *afterwards) add(f func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.over {
		a.todo = append(a.todo, f)
	}
	return !a.over
}

func (a *afterwards) finish() {
	a.mu.Lock()
	todo := a.todo
	a.todo, a.over = nil, true
	a.mu.Unlock()
	for _, f := range todo {
		f()
	}
}
