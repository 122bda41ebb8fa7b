package agent

import (
	"context"

	"edgeagent/internal/status"
)

// report publishes what a running stage says of itself.
func (c *Chain) report(runCtx context.Context, i int, u status.Update) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if runCtx.Err() != nil {
		return
	}
	c.runs[i].idle = nil
	if u.Idle {
		c.runs[i].idle = &u
	}
	c.set(i, u)
}

// gaveUp publishes why step i ended by itself. A fault that the stage named
// before keeps its reason; the error's text then is the detail.
func (c *Chain) gaveUp(i int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reason := status.ReasonInternal
	if before := c.board.Condition(c.steps[i].Stage.String()); before.State == status.Down {
		reason = before.Reason
	}
	c.set(i, status.Update{State: status.Down, Reason: reason, Detail: err.Error()})
}

// set puts an update on the Board and carries its consequences through the
// chain in the same moment: a loss ends every step that stands on this one,
// however short it is, and no step can start on a stage that is only about to
// be stopped. Idle steps change between idle and waiting. Called with c.mu held.
func (c *Chain) set(i int, u status.Update) {
	name := c.steps[i].Stage.String()
	before := c.board.Condition(name).State
	c.board.Set(name, c.shown(i, u))
	for j := i + 1; j < len(c.steps); j++ {
		r := c.runs[j]
		switch {
		case before.Usable() && !u.State.Usable() && i < j-c.steps[j].Outlives:
			c.lose(j, name)
		case r != nil && r.idle != nil:
			c.board.Set(c.steps[j].Stage.String(), c.shown(j, *r.idle))
		}
	}
}

// lose ends the run of step j, if any, and shows what it waits for.
func (c *Chain) lose(j int, missing string) {
	if r := c.runs[j]; r != nil {
		r.cancel(errPathLost)
		c.runs[j] = nil
	}
	c.board.Set(c.steps[j].Stage.String(), waitingFor(missing))
}

// shown is u, or waiting if u is idle and a step that it needs to start
// anything is gone.
func (c *Chain) shown(i int, u status.Update) status.Update {
	if missing := c.missing(i); u.Idle && missing != "" {
		return waitingFor(missing)
	}
	return u
}

func waitingFor(stage string) status.Update {
	return status.Update{
		State: status.Waiting, Reason: status.ReasonWaiting, Detail: "for " + stage, Facts: status.Facts{},
	}
}
