package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// fakeStage reports what a test tells it to, and notes its starts and stops.
type fakeStage struct {
	name    string
	updates chan status.Update
	fail    chan error
	linger  time.Duration // how long it takes to stop
	late    *status.Update

	mu     sync.Mutex
	starts int
	events *[]string
}

func newFakeStage(name string) *fakeStage {
	return &fakeStage{name: name, updates: make(chan status.Update), fail: make(chan error), events: new([]string)}
}

func (f *fakeStage) String() string { return f.name }

func (f *fakeStage) Run(ctx context.Context, report status.Report) error {
	f.mu.Lock()
	f.starts++
	f.mu.Unlock()
	for {
		select {
		case u := <-f.updates:
			report(u)
			if u.Reason == blipped {
				report(status.Update{State: status.OK, Reason: status.ReasonConnected})
			}
		case err := <-f.fail:
			return err
		case <-ctx.Done():
			time.Sleep(f.linger)
			if f.late != nil {
				report(*f.late)
			}
			f.mu.Lock()
			*f.events = append(*f.events, f.name)
			f.mu.Unlock()
			return ctx.Err()
		}
	}
}

func (f *fakeStage) started() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.starts
}

func (f *fakeStage) ok() {
	f.updates <- status.Update{State: status.OK, Reason: status.ReasonConnected}
}
func (f *fakeStage) down() {
	f.updates <- status.Update{State: status.Down, Reason: status.ReasonNoAnswer}
}

// blip goes down and comes back before anything else can run.
func (f *fakeStage) blip() { f.updates <- status.Update{State: status.Down, Reason: blipped} }

// blipped makes a fakeStage report ok right after.
const blipped status.Reason = "blipped"

// rig is a chain of fakes under a fake clock.
type rig struct {
	board  *status.Board
	stages []*fakeStage
	stop   context.CancelFunc
	done   chan struct{}
}

func newRig(t *testing.T, outlives int, names ...string) *rig {
	t.Helper()
	r := &rig{board: status.NewBoard("gw", "test", names...), done: make(chan struct{})}
	var steps []Step
	for _, name := range names {
		f := newFakeStage(name)
		r.stages = append(r.stages, f)
		steps = append(steps, Step{Stage: f})
	}
	steps[len(steps)-1].Outlives = outlives
	ctx, cancel := context.WithCancel(t.Context())
	r.stop = cancel
	c := NewChain(r.board, slog.New(slog.NewTextHandler(io.Discard, nil)), steps...)
	go func() {
		defer close(r.done)
		c.Run(ctx)
	}()
	synctest.Wait()
	return r
}

func (r *rig) end() { r.stop(); <-r.done }

func (r *rig) allOK() {
	for _, s := range r.stages {
		s.ok()
		synctest.Wait()
	}
}

func TestChainStartsAStageWhenTheOneBeforeIsUsable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns", "broker")
		defer r.end()
		if r.stages[1].started() != 0 {
			t.Error("dns runs before link is usable")
		}
		if c := r.board.Condition("broker"); c.State != status.Waiting || c.Detail != "for link" {
			t.Errorf("broker is %s %q", c.State, c.Detail)
		}
		r.stages[0].updates <- status.Update{State: status.Starting}
		synctest.Wait()
		if r.stages[1].started() != 0 {
			t.Error("dns runs while link is starting")
		}
		r.stages[0].updates <- status.Update{State: status.Degraded}
		synctest.Wait()
		if r.stages[1].started() != 1 || r.stages[2].started() != 0 {
			t.Errorf("starts after link is usable: dns %d, broker %d", r.stages[1].started(), r.stages[2].started())
		}
	})
}

func TestChainKeepsThroughDegraded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns")
		defer r.end()
		r.allOK()
		r.stages[0].updates <- status.Update{State: status.Degraded}
		synctest.Wait()
		r.stages[0].ok()
		synctest.Wait()
		if n := r.stages[1].started(); n != 1 {
			t.Errorf("dns was started %d times over a degraded link", n)
		}
	})
}

func TestChainCancelsAllThatStandsOnALostStage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns", "broker")
		defer r.end()
		r.allOK()
		r.stages[1].linger = 2 * time.Second // must not delay the broker's end
		r.stages[0].down()
		synctest.Wait()
		for _, name := range []string{"dns", "broker"} {
			if c := r.board.Condition(name); c.State != status.Waiting || c.Detail != "for link" {
				t.Errorf("%s is %s %q right after the link was lost", name, c.State, c.Detail)
			}
		}
		if !slices.Equal(*r.stages[2].events, []string{"broker"}) {
			t.Error("the broker was not stopped at once")
		}
	})
}

// down -> ok without the dependant ever waking up in between.
func TestChainABlipRestartsDependants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns", "broker")
		defer r.end()
		r.allOK()
		r.stages[0].blip()
		synctest.Wait()
		if n := r.stages[1].started(); n != 2 {
			t.Errorf("dns was started %d times, want again after the blip", n)
		}
		r.stages[1].ok()
		synctest.Wait()
		if n := r.stages[2].started(); n != 2 {
			t.Errorf("broker was started %d times, want again after the blip", n)
		}
	})
}

func TestChainIgnoresReportsAfterTheLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns")
		defer r.end()
		r.allOK()
		r.stages[1].linger = time.Second
		r.stages[1].late = &status.Update{State: status.OK, Reason: status.ReasonReady}
		r.stages[0].down()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if c := r.board.Condition("dns"); c.State != status.Waiting {
			t.Errorf("dns is %s after a late report", c.State)
		}
	})
}

func TestChainTheLastStepOutlivesTheOneBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 1, "endpoint", "broker", "tunnel")
		defer r.end()
		r.allOK()
		tunnel := r.stages[2]
		tunnel.updates <- status.Update{State: status.OK, Reason: status.ReasonOpen}
		synctest.Wait()
		r.stages[1].down()
		synctest.Wait()
		if c := r.board.Condition("tunnel"); c.State != status.OK || c.Reason != status.ReasonOpen {
			t.Errorf("open tunnel is %s %s after the broker was lost", c.State, c.Reason)
		}
		tunnel.updates <- status.Update{State: status.OK, Reason: status.ReasonIdle, Idle: true}
		synctest.Wait()
		if c := r.board.Condition("tunnel"); c.State != status.Waiting || c.Detail != "for broker" {
			t.Errorf("idle tunnel is %s %q without a broker", c.State, c.Detail)
		}
		r.stages[1].ok()
		synctest.Wait()
		if c := r.board.Condition("tunnel"); c.Reason != status.ReasonIdle || tunnel.started() != 1 {
			t.Errorf("idle tunnel is %s after the broker is back, started %d times", c.Reason, tunnel.started())
		}
		r.stages[0].down()
		synctest.Wait()
		if !slices.Equal(*tunnel.events, []string{"tunnel"}) {
			t.Error("the tunnel outlived the endpoint")
		}
	})
}

func TestChainRunsAStageThatGaveUpAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns")
		defer r.end()
		r.stages[0].ok()
		synctest.Wait()
		var starts []time.Duration
		begin := time.Now()
		for range 8 {
			n := r.stages[1].started()
			r.stages[1].fail <- errors.New("port 53 is taken")
			synctest.Wait()
			if c := r.board.Condition("dns"); c.State != status.Down || c.Detail != "port 53 is taken" {
				t.Fatalf("dns is %s %q after it gave up", c.State, c.Detail)
			}
			for r.stages[1].started() == n {
				time.Sleep(100 * time.Millisecond)
			}
			starts = append(starts, time.Since(begin))
			begin = time.Now()
		}
		for i, d := range starts {
			least, most := min(firstPause<<i, lastPause)/2, min(firstPause<<i, lastPause)+200*time.Millisecond
			if d < least || d > most {
				t.Errorf("pause %d was %v, want %v..%v", i, d, least, most)
			}
		}
	})
}

func TestChainDoesNotPauseOverANewPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns")
		defer r.end()
		r.stages[0].ok()
		synctest.Wait()
		r.stages[1].fail <- errors.New("no answer")
		synctest.Wait()
		r.stages[0].down()
		r.stages[0].ok()
		synctest.Wait()
		if n := r.stages[1].started(); n != 2 {
			t.Errorf("dns was started %d times, want at once with the new path", n)
		}
	})
}

func TestChainStopsLastToFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns", "broker")
		order := new([]string)
		for i, s := range r.stages {
			s.events = order
			s.linger = time.Duration(3-i) * time.Millisecond
		}
		r.allOK()
		r.stages[2].linger = time.Second
		r.end()
		if want := []string{"broker", "dns", "link"}; !slices.Equal(*order, want) {
			t.Errorf("stopped in the order %v, want %v", *order, want)
		}
	})
}

// An idle chain sleeps: nothing on the Board changes by itself.
func TestChainIsQuietWhileNothingHappens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, 0, "link", "dns")
		defer r.end()
		changed := r.board.Changed()
		time.Sleep(time.Hour)
		select {
		case <-changed:
			t.Error("the Board changed while every stage was silent")
		default:
		}
	})
}
