package resolver

import (
	"slices"
	"sync"
	"testing"

	"edgeagent/internal/status"
)

// reports keeps what a stage said of itself.
type reports struct {
	mu  sync.Mutex
	all []status.Update
}

func (r *reports) report(u status.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, u)
}

func (r *reports) last() status.Update {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.all) == 0 {
		return status.Update{}
	}
	return r.all[len(r.all)-1]
}

// states returns the states since the first n updates, without repeats.
func (r *reports) states(n int) []status.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []status.State
	for _, u := range r.all[n:] {
		out = append(out, u.State)
	}
	return slices.Compact(out)
}

func (r *reports) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.all)
}

// is checks the newest update.
func (r *reports) is(t *testing.T, state status.State, reason status.Reason, detail string) {
	t.Helper()
	u := r.last()
	if u.State != state || u.Reason != reason || u.Detail != detail {
		t.Errorf("got  %s %s %q\nwant %s %s %q", u.State, u.Reason, u.Detail, state, reason, detail)
	}
}

// fact checks a fact of the newest update.
func (r *reports) fact(t *testing.T, key string, want any) {
	t.Helper()
	if got := r.last().Facts[key]; !sameFact(got, want) {
		t.Errorf("fact %s is %#v, want %#v", key, got, want)
	}
}

func sameFact(got, want any) bool {
	a, isList := got.([]string)
	b, wantList := want.([]string)
	if isList && wantList {
		return slices.Equal(a, b)
	}
	return isList == wantList && got == want
}

// signal wakes its watchers like the Prober's Changed.
type signal struct {
	mu sync.Mutex
	c  chan struct{}
}

func (s *signal) wait() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c == nil {
		s.c = make(chan struct{})
	}
	return s.c
}

func (s *signal) fire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.c != nil {
		close(s.c)
		s.c = nil
	}
}
