package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"edgeagent/internal/status"
)

// Pauses before a stage that gave up is run again: doubled from the first to
// the last, with jitter. Stages retry ordinary trouble themselves.
const (
	firstPause = time.Second
	lastPause  = 30 * time.Second
)

// Stage is one step of the private path.
type Stage interface {
	// Run keeps the stage up until ctx ends or it cannot go on. The chain calls
	// it again later, never twice at once.
	Run(ctx context.Context, report status.Report) error
	fmt.Stringer
}

// Step places a Stage in the chain. It is started when every step before it is
// usable, and cancelled when one of them stops being so.
type Step struct {
	Stage Stage
	// Outlives is the number of steps right before this one whose loss does not
	// cancel it once it runs.
	Outlives int
}

// Chain runs the stages in their order.
type Chain struct {
	board *status.Board
	steps []Step
	log   *slog.Logger

	mu   sync.Mutex
	runs []*run // by step; nil while the step does not run
}

// run is one call of a Stage's Run, or the pause after one that gave up. Once it
// is lost its reports are ignored.
type run struct {
	cancel context.CancelCauseFunc
	idle   *status.Update // what the stage said last, if it was Idle
}

// NewChain returns a Chain whose stages all stand on board under their names.
func NewChain(board *status.Board, log *slog.Logger, steps ...Step) *Chain {
	return &Chain{board: board, steps: steps, log: log, runs: make([]*run, len(steps))}
}

// Run runs all stages until ctx ends, then stops them from the last to the
// first, so that the MQTT DISCONNECT leaves before the link goes.
func (c *Chain) Run(ctx context.Context) {
	stops := make([]func(), len(c.steps))
	for i := range c.steps {
		stepCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.keep(stepCtx, i)
		}()
		stops[i] = func() { cancel(); <-done }
	}
	<-ctx.Done()
	for i := len(stops) - 1; i >= 0; i-- {
		stops[i]()
	}
}

// keep starts step i whenever it may run, until ctx ends.
func (c *Chain) keep(ctx context.Context, i int) {
	name := c.steps[i].Stage.String()
	pause := firstPause
	for {
		runCtx, ok := c.begin(ctx, i)
		if !ok {
			return
		}
		started := time.Now()
		err := c.steps[i].Stage.Run(runCtx, func(u status.Update) { c.report(runCtx, i, u) })
		lost := context.Cause(runCtx) == errPathLost
		c.finish(i)
		switch {
		case ctx.Err() != nil:
			return
		case lost:
			pause = firstPause
			continue
		case err == nil:
			err = errors.New("it ended without saying why")
		}
		if time.Since(started) > lastPause {
			pause = firstPause
		}
		c.log.Error("stage gave up", "stage", name, "err", err, "again_in", pause)
		c.gaveUp(i, err)
		if !c.rest(ctx, i, pause/2+rand.N(pause/2)) {
			return
		}
		pause = min(2*pause, lastPause)
	}
}

// errPathLost ends a stage because one that it stands on was lost.
var errPathLost = errors.New("a stage before it was lost")

// begin blocks until every step before i is usable and returns the context of
// the run that it opens. It is false when ctx has ended.
func (c *Chain) begin(ctx context.Context, i int) (context.Context, bool) {
	for {
		changed := c.board.Changed()
		if runCtx := c.tryBegin(ctx, i); runCtx != nil {
			return runCtx, true
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, false
		}
	}
}

func (c *Chain) tryBegin(ctx context.Context, i int) context.Context {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ctx.Err() != nil {
		return nil
	}
	if missing := c.missing(i); missing != "" {
		c.board.Set(c.steps[i].Stage.String(), waitingFor(missing))
		return nil
	}
	runCtx, cancel := context.WithCancelCause(ctx)
	c.runs[i] = &run{cancel: cancel}
	return runCtx
}

func (c *Chain) finish(i int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs[i] != nil {
		c.runs[i].cancel(nil)
		c.runs[i] = nil
	}
}

// rest waits for d after a stage gave up, or until the path under it breaks:
// then it starts afresh with the path. It is false when ctx has ended.
func (c *Chain) rest(ctx context.Context, i int, d time.Duration) bool {
	restCtx := c.tryBegin(ctx, i)
	if restCtx == nil {
		return ctx.Err() == nil
	}
	defer c.finish(i)
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-restCtx.Done():
	}
	return ctx.Err() == nil
}

// missing names the first step before i that is not usable, or "".
func (c *Chain) missing(i int) string {
	for _, s := range c.steps[:i] {
		if name := s.Stage.String(); !c.board.Condition(name).State.Usable() {
			return name
		}
	}
	return ""
}
