// Package status holds what people and scripts read about the agent: one
// Condition per stage, the Board that collects them, snapshots of the Board as
// JSON (schema 1), the stable reasons with their hints, and the text screen.
//
// It is a leaf: it imports nothing of the project.
package status

import "time"

// State says how far a stage can be trusted to carry the path.
type State string

// The states of a stage, and of the agent as a whole.
const (
	Waiting  State = "waiting"  // for the stage before it
	Starting State = "starting" // at work, not ok yet
	OK       State = "ok"       // carries the path
	Degraded State = "degraded" // carries the path, with a fault or in doubt
	Down     State = "down"     // carries nothing
)

// Usable reports whether a stage in this state still carries the path.
func (s State) Usable() bool { return s == OK || s == Degraded }

// severity orders states from good to bad, for the state of the whole.
func (s State) severity() int {
	switch s {
	case OK:
		return 0
	case Waiting:
		return 1
	case Starting:
		return 2
	case Degraded:
		return 3
	}
	return 4
}

// Facts are the figures and names of a stage that scripts read. Keys are
// stable; values are strings, numbers, booleans, lists or structs that marshal
// to JSON. A published Facts must not be changed afterwards.
type Facts map[string]any

// Update is what a stage says of itself.
type Update struct {
	State  State
	Reason Reason
	Detail string // one line in plain words, with the figures; no secrets
	Hint   string // overrides the reason's own hint where the stage knows better
	Facts  Facts  // nil keeps the facts of the update before
	// Notes are further lines below Detail; Commands what to type about it.
	Notes, Commands []string
	Idle            bool // nothing is under way: shown as waiting while what it needs to start is gone
}

// Report publishes an Update. Safe for concurrent use; never blocks.
type Report func(Update)

// Condition is the published state of one stage.
type Condition struct {
	Stage  string    `json:"name"`
	State  State     `json:"state"`
	Reason Reason    `json:"reason"`
	Detail string    `json:"detail"`
	Since  time.Time `json:"since"`  // when State was entered
	Losses int       `json:"losses"` // times the stage has left ok since the daemon started
	Facts  Facts     `json:"facts"`

	// Notes are further lines below Detail, each about one thing.
	Notes []string `json:"notes,omitempty"`

	// Hint is the stage's own next action, if it has a better one than its reason.
	Hint string `json:"-"`
	// Commands go with the hint.
	Commands []string `json:"-"`
}
