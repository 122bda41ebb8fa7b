package check

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Run makes all checks, or those that ids name: a whole id, or the part before
// its dot for all of a kind. What those stand on is run as well, and left out
// of the report. It returns within 15 s. An id that fits nothing is an error
// that names all there are.
func Run(ctx context.Context, o Options, ids ...string) (Report, error) {
	return runChecks(ctx, o, all(), ids)
}

// IDs returns the ids of all checks, in their order.
func IDs() []string {
	var ids []string
	for _, c := range all() {
		ids = append(ids, c.id)
	}
	return ids
}

func runChecks(ctx context.Context, o Options, checks []check, ids []string) (Report, error) {
	wanted, err := choose(checks, ids)
	if err != nil {
		return Report{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, wholeLimit)
	defer cancel()
	x := newExamination(o)
	defer x.close()
	results := newRunner(x, withGround(checks, wanted)).run(ctx)
	report := Report{Schema: Schema, Version: o.Version, Device: x.device(), State: OK, Now: time.Now().UTC().Truncate(time.Second), Checks: []Result{}}
	for _, c := range checks {
		if !wanted[c.id] {
			continue
		}
		res := results[c.id]
		report.Checks = append(report.Checks, res)
		if res.State.severity() > report.State.severity() {
			report.State = res.State
		}
	}
	return report, nil
}

// choose returns the ids that are asked for.
func choose(checks []check, ids []string) (map[string]bool, error) {
	wanted := map[string]bool{}
	for _, id := range ids {
		found := false
		for _, c := range checks {
			if c.id == id || strings.HasPrefix(c.id, id+".") {
				wanted[c.id], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("no check %q; there are %s", id, strings.Join(names(checks), ", "))
		}
	}
	if len(ids) == 0 {
		for _, c := range checks {
			wanted[c.id] = true
		}
	}
	return wanted, nil
}

func names(checks []check) []string {
	var ids []string
	for _, c := range checks {
		ids = append(ids, c.id)
	}
	return ids
}

// withGround adds what the wanted checks stand on. The checks are in an order
// in which nothing stands on what comes after it.
func withGround(checks []check, wanted map[string]bool) []check {
	needed := map[string]bool{}
	var picked []check
	for _, c := range slices.Backward(checks) {
		if !wanted[c.id] && !needed[c.id] {
			continue
		}
		for _, id := range slices.Concat(c.needs, c.after) {
			needed[id] = true
		}
		picked = append(picked, c)
	}
	slices.Reverse(picked)
	return picked
}

// runner runs checks side by side.
type runner struct {
	x      *examination
	checks []check
	ended  map[string]chan struct{}

	mu      sync.Mutex
	results map[string]Result
}

func newRunner(x *examination, picked []check) *runner {
	r := &runner{x: x, checks: picked, ended: map[string]chan struct{}{}, results: map[string]Result{}}
	for _, c := range picked {
		r.ended[c.id] = make(chan struct{})
	}
	return r
}

func (r *runner) run(ctx context.Context) map[string]Result {
	var running sync.WaitGroup
	for _, c := range r.checks {
		running.Go(func() {
			defer close(r.ended[c.id])
			res := r.one(ctx, c)
			r.mu.Lock()
			defer r.mu.Unlock()
			r.results[c.id] = res
		})
	}
	running.Wait()
	return r.results
}

// one waits for what c stands on and runs it.
func (r *runner) one(ctx context.Context, c check) Result {
	for _, id := range slices.Concat(c.needs, c.after) {
		<-r.ended[id]
	}
	began := time.Now()
	out := r.judged(ctx, c)
	if out.learn != nil {
		out.learn(r.x)
	}
	l := english()
	res := Result{ID: c.id, Title: l.titles[c.id], State: out.state, finding: out.finding, fix: out.fix}
	res.Finding = out.finding.in(l)
	if out.fix != nil {
		res.Fix = out.fix.in(l)
	}
	res.TookMS = time.Since(began).Milliseconds()
	return res
}

// judged runs c unless its ground is missing or the time for all is over, and
// does not believe it if that was over too soon for it.
func (r *runner) judged(ctx context.Context, c check) outcome {
	if missing := r.missing(c); missing != "" {
		return skipped(say("run.waits", missing))
	}
	if ctx.Err() != nil {
		return skipped(say("run.late", seconds(wholeLimit), c.id))
	}
	began := time.Now()
	out, ended := r.withinLimit(ctx, c)
	cut := ctx.Err() != nil && time.Since(began) < believable+grace
	switch {
	case cut && (!ended || out.state.severity() > 0):
		return skipped(say("run.cut", seconds(wholeLimit), c.id))
	case !ended:
		return fault(say("run.hangs", seconds(time.Since(began))), say("run.hangs.fix", c.id))
	}
	return out
}

// seconds are whole ones: how long exactly is of no use to anybody.
func seconds(d time.Duration) int { return int(d.Round(time.Second) / time.Second) }

// withinLimit runs c. A check that does not heed its context is left behind: the
// report must not wait for a hanging disk.
func (r *runner) withinLimit(ctx context.Context, c check) (out outcome, ended bool) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.limit, checkLimit))
	defer cancel()
	done := make(chan outcome, 1)
	go func() { done <- c.run(ctx, r.x) }()
	select {
	case out := <-done:
		return out, true
	case <-ctx.Done():
	}
	select {
	case out := <-done: // it ends because of ctx, and knows more
		return out, true
	case <-time.After(grace):
		return outcome{}, false
	}
}

// missing names the first check that c needs and that did not come out well.
func (r *runner) missing(c check) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range c.needs {
		if s := r.results[id].State; s == Error || s == Skipped {
			return id
		}
	}
	return ""
}
