package check

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// promised is how long a report may take at most.
const promised = 15 * time.Second

// timed runs checks and returns their report and how long it took, on a clock
// that only waits move.
func timed(t *testing.T, checks []check) (Report, time.Duration) {
	t.Helper()
	began := time.Now()
	r, err := runChecks(t.Context(), Options{}, checks, nil)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	if took >= promised {
		t.Errorf("it took %s", took)
	}
	return r, took
}

// with puts another run in the place of every check's own.
func with(run func(ctx context.Context, x *examination) outcome) []check {
	checks := all()
	for i := range checks {
		checks[i].run = run
	}
	return checks
}

// TestEveryProbeHangs: none of them heeds its context, and none ever ends.
func TestEveryProbeHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		r, _ := timed(t, with(func(context.Context, *examination) outcome {
			<-release
			return ok(plain("too late"))
		}))
		why := regexp.MustCompile(`^(waits for|not run:|cut short:) `)
		for _, c := range r.Checks {
			switch {
			case c.State == OK || c.Finding == "":
				t.Errorf("%s: %+v", c.ID, c)
			case c.State == Error && !strings.Contains(c.Fix, "edgeagent check "+c.ID):
				t.Errorf("%s does not say what to do: %q", c.ID, c.Fix)
			case c.State == Skipped && !why.MatchString(c.Finding):
				t.Errorf("%s is skipped for no reason: %q", c.ID, c.Finding)
			}
		}
	})
}

// TestEveryProbeIsSlow: each ends well, and uses all of its own time. What comes
// last in the chain cannot be run any more, and says so.
func TestEveryProbeIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, took := timed(t, with(func(ctx context.Context, _ *examination) outcome {
			<-ctx.Done()
			return ok(plain("in the end"))
		}))
		last := stateOf(t, r, "broker.subscribe")
		if last.State != Skipped || last.Finding != "waits for broker.connect" {
			t.Errorf("the last one: %+v", last)
		}
		late := slices.IndexFunc(r.Checks, func(c Result) bool { return strings.HasPrefix(c.Finding, "not run: the 13 s for all checks were over") })
		if late < 0 || !strings.Contains(r.Checks[late].Finding, "edgeagent check "+r.Checks[late].ID) {
			t.Errorf("nothing was said to be late: %+v", r.Checks)
		}
		if took < wholeLimit {
			t.Errorf("it took %s: the limit was never met", took)
		}
	})
}

// TestHangingCheckIsLeftBehind, and does not keep others from running.
func TestHangingCheckIsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		hang := check{id: "disk", run: func(context.Context, *examination) outcome {
			<-release
			return ok(plain("too late")).learning(func(x *examination) { x.known = true })
		}}
		after := gives("b", ok(plain("")))
		after.after = []string{"disk"}
		r, took := timed(t, []check{hang, after})
		if c := stateOf(t, r, "disk"); c.State != Error || c.Finding != "no end within 6 s" || !strings.Contains(c.Fix, "edgeagent check disk") {
			t.Errorf("%+v", c)
		}
		if c := stateOf(t, r, "b"); c.State != OK {
			t.Errorf("%+v", c)
		}
		if took != checkLimit+grace {
			t.Errorf("it took %s", took)
		}
	})
}

// TestOwnLimit: a check may have a shorter one.
func TestOwnLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := check{id: "a", limit: daemonLimit, run: func(ctx context.Context, _ *examination) outcome {
			<-ctx.Done()
			return fault(plain("no answer"), plain("x"))
		}}
		r, took := timed(t, []check{slow})
		if c := stateOf(t, r, "a"); c.Finding != "no answer" || took != daemonLimit {
			t.Errorf("%+v after %s", c, took)
		}
	})
}

// TestSilenceProvesNothingInASecond: a check that the end of all cuts short is not
// believed when it says that nothing answers; one that had its time is, and what
// was found to be well is well.
func TestSilenceProvesNothingInASecond(t *testing.T) {
	for name, tc := range map[string]struct {
		before time.Duration // until the check begins
		says   outcome
		want   State
		words  string
	}{
		"cut short":        {wholeLimit - believable/2, fault(plain("no answer"), plain("x")), Skipped, "cut short: "},
		"long enough":      {wholeLimit - 2*believable, fault(plain("no answer"), plain("x")), Error, "no answer"},
		"well at the end":  {wholeLimit - believable/2, ok(plain("fine")), OK, "fine"},
		"no time was left": {wholeLimit + grace/2, ok(plain("fine")), Skipped, "not run: "},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				first := check{id: "a", limit: promised, run: func(context.Context, *examination) outcome {
					time.Sleep(tc.before)
					return ok(plain(""))
				}}
				second := check{id: "b", needs: []string{"a"}, run: func(ctx context.Context, _ *examination) outcome {
					<-ctx.Done()
					return tc.says
				}}
				r, _ := timed(t, []check{first, second})
				if c := stateOf(t, r, "b"); c.State != tc.want || !strings.HasPrefix(c.Finding, tc.words) {
					t.Errorf("%+v", c)
				}
			})
		})
	}
}
