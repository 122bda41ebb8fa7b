package status

import (
	"maps"
	"reflect"
	"sync"
	"time"
)

// Board collects the conditions of all stages. It is safe for concurrent use.
type Board struct {
	device, version string
	started         time.Time

	mu       sync.Mutex
	order    []string
	stages   map[string]*Condition
	state    State     // of the whole
	since    time.Time // of the state of the whole
	warning  string    // of what was refused
	warnings []Warning
	changed  chan struct{}
}

// NewBoard returns a Board on which the first stage is starting and the others
// wait for it. The order of stages is the order of the path.
func NewBoard(device, version string, stages ...string) *Board {
	now := time.Now()
	b := &Board{
		device: device, version: version, started: now,
		order: stages, stages: map[string]*Condition{},
		state: Waiting, since: now, changed: make(chan struct{}),
	}
	for _, name := range stages {
		b.stages[name] = &Condition{
			Stage: name, State: Waiting, Reason: ReasonWaiting, Detail: "for " + stages[0], Since: now, Facts: Facts{},
		}
	}
	first := b.stages[stages[0]]
	first.State, first.Reason, first.Detail = Starting, ReasonConnecting, ""
	b.updateWhole()
	return b
}

// Set publishes an update of the named stage, which must be on the Board. An
// update that changes nothing is not announced.
func (b *Board) Set(stage string, u Update) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.stages[stage]
	before := *c
	if c.State != u.State {
		if c.State == OK {
			c.Losses++
		}
		c.Since = time.Now()
	}
	c.State, c.Reason, c.Detail, c.Hint = u.State, u.Reason, u.Detail, u.Hint
	c.Notes, c.Commands = u.Notes, u.Commands
	if u.Facts != nil {
		c.Facts = u.Facts
	}
	if reflect.DeepEqual(before, *c) {
		return
	}
	b.updateWhole()
	b.announce()
}

// Losses returns how often each stage has left ok.
func (b *Board) Losses() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	losses := make(map[string]int, len(b.stages))
	for name, c := range b.stages {
		losses[name] = c.Losses
	}
	return losses
}

// Restore goes on counting from what an earlier Board of this process had
// counted. Stages that are not on this one are left out.
func (b *Board) Restore(losses map[string]int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, n := range losses {
		if c, ok := b.stages[name]; ok {
			c.Losses += n
		}
	}
	b.announce()
}

// Warn publishes what is wrong with the daemon itself rather than with a stage: a
// configuration or program that it has refused. "" withdraws it.
func (b *Board) Warn(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.warning == text {
		return
	}
	b.warning = text
	b.announce()
}

// announce wakes whoever waits for a change. Called with b.mu held.
func (b *Board) announce() {
	close(b.changed)
	b.changed = make(chan struct{})
}

func (b *Board) updateWhole() {
	worst := OK
	for _, c := range b.stages {
		if c.State.severity() > worst.severity() {
			worst = c.State
		}
	}
	if worst != b.state {
		b.state, b.since = worst, time.Now()
	}
}

// Condition returns the condition of the named stage.
func (b *Board) Condition(stage string) Condition {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stages[stage].clone()
}

// Changed returns a channel that is closed at the next change. Take it before
// reading the Board, or a change in between is missed.
func (b *Board) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

func (c *Condition) clone() Condition {
	d := *c
	d.Facts = maps.Clone(c.Facts)
	return d
}
