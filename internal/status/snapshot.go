package status

import (
	"slices"
	"time"
)

// Schema is the version of the JSON that Snapshot marshals to. Fields may be
// added within a schema; none is renamed or removed.
const Schema = 1

// Snapshot is the Board at one moment: what `edgeagent status --json` prints.
type Snapshot struct {
	Schema   int         `json:"schema"`
	Version  string      `json:"version"`
	Device   string      `json:"device"`
	State    State       `json:"state"` // the worst of all stages
	Since    time.Time   `json:"since"`
	Started  time.Time   `json:"started"` // when the daemon started
	Now      time.Time   `json:"now"`     // when the snapshot was taken
	FixFirst *Finding    `json:"fix_first"`
	Warning  string      `json:"warning,omitempty"` // of the daemon itself: what it has refused; also in Warnings
	Warnings []Warning   `json:"warnings,omitempty"`
	Stages   []Condition `json:"stages"`
}

// ForScripts returns s with its times in UTC and in whole seconds, rounded down:
// jq's fromdate and strptime(3) take neither a fraction nor an offset.
func (s Snapshot) ForScripts() Snapshot {
	s.Since, s.Started, s.Now = wholeSecond(s.Since), wholeSecond(s.Started), wholeSecond(s.Now)
	s.Stages = slices.Clone(s.Stages)
	for i := range s.Stages {
		s.Stages[i].Since = wholeSecond(s.Stages[i].Since)
	}
	return s
}

func wholeSecond(t time.Time) time.Time { return t.UTC().Truncate(time.Second) }

// Finding is the root cause: the first stage that is not ok, and what to do.
type Finding struct {
	Stage  string `json:"stage"`
	Reason Reason `json:"reason"`
	Title  string `json:"title"` // the reason in plain words
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	// Commands are what to type, in this order, where that is known to the letter.
	Commands []string `json:"commands,omitempty"`
}

// Snapshot returns the Board as it is now.
func (b *Board) Snapshot() Snapshot {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := Snapshot{
		Schema: Schema, Version: b.version, Device: b.device,
		State: b.state, Since: b.since, Started: b.started, Now: time.Now(), Warning: b.warning, Warnings: b.warningList(),
	}
	for _, name := range b.order {
		c := b.stages[name].clone()
		s.Stages = append(s.Stages, c)
		if s.FixFirst == nil && c.State != OK {
			s.FixFirst = &Finding{
				Stage: name, Reason: c.Reason, Detail: c.Detail, Hint: hint(c), Commands: c.Commands,
			}
			s.FixFirst.Title = english.title(s, s.FixFirst)
		}
	}
	return s
}
