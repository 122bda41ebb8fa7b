// Package history remembers the last hour of the agent: how each stage was, and
// a few figures a minute. It is kept in memory and bounded, whatever flaps: it
// survives a reload and an upgrade in place, and begins anew with a new process.
package history

import (
	"context"
	"slices"
	"sync"
	"time"

	"edgeagent/internal/status"
)

// Bounds of what is kept.
const (
	Length = time.Hour
	Step   = time.Minute // between two values of a series
	values = int(Length / Step)
	// maxSpans is for a stage that changes every 7 s for an hour; beyond that
	// the oldest spans are dropped early.
	maxSpans = 512
)

// Span is a time in which a stage did not change its state.
type Span struct {
	From   time.Time     `json:"from"` // until the next span's From, or now
	State  status.State  `json:"state"`
	Reason status.Reason `json:"reason"` // of its beginning
}

// Stage is the past of one stage, the oldest span first.
type Stage struct {
	Name  string `json:"name"`
	Spans []Span `json:"spans"`
}

// Series are the values of one figure, one a minute, the newest last. A nil
// value was not known then.
type Series struct {
	Name   string     `json:"name"` // e.g. probe_rtt_ms
	Values []*float64 `json:"values"`
}

// Schema is the version of the JSON that History marshals to.
const Schema = 1

// History is the past at one moment.
type History struct {
	Schema int       `json:"schema"`
	Now    time.Time `json:"now"`
	StepS  int       `json:"step_s"` // seconds between values
	Stages []Stage   `json:"stages"`
	Series []Series  `json:"series"`
}

// Recorder follows a Board. It is safe for concurrent use.
type Recorder struct {
	board *status.Board

	mu     sync.Mutex
	order  []string
	spans  map[string][]Span
	series []*series

	restored bool
}

// NewRecorder returns a Recorder that does nothing until Run.
func NewRecorder(board *status.Board) *Recorder {
	return &Recorder{board: board, spans: map[string][]Span{}, series: figures()}
}

// Restore takes over what a Recorder before this one remembered. To be called
// before Run; of what is there already nothing is kept.
func (r *Recorder) Restore(h History) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for _, s := range h.Stages {
		// A span of the future is from before the clock was set back.
		spans := slices.DeleteFunc(slices.Clone(s.Spans), func(p Span) bool { return p.From.After(now) })
		r.spans[s.Name] = trim(spans, now)
	}
	for _, one := range r.series {
		i := slices.IndexFunc(h.Series, func(s Series) bool { return s.Name == one.name })
		if i < 0 || h.StepS != int(Step/time.Second) {
			continue
		}
		one.values = slices.Clone(h.Series[i].Values)
		one.values = one.values[max(0, len(one.values)-values):]
		r.restored = true
	}
}

// Run follows the Board until ctx ends.
func (r *Recorder) Run(ctx context.Context) {
	tick := time.NewTicker(Step)
	defer tick.Stop()
	if !r.restored { // else the last minute has its value
		r.sample(r.board.Snapshot())
	}
	for {
		changed := r.board.Changed()
		r.note(r.board.Snapshot())
		select {
		case <-changed:
		case <-tick.C:
			r.sample(r.board.Snapshot())
		case <-ctx.Done():
			return
		}
	}
}

// note begins a span for each stage whose state has changed.
func (r *Recorder) note(s status.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.order = r.order[:0]
	for _, c := range s.Stages {
		r.order = append(r.order, c.Stage)
		spans := r.spans[c.Stage]
		if n := len(spans); n > 0 && spans[n-1].State == c.State {
			continue
		}
		spans = append(spans, Span{From: s.Now, State: c.State, Reason: c.Reason})
		r.spans[c.Stage] = trim(spans, s.Now)
	}
}

// trim drops what is over an hour old, or too much. The span that reaches into
// the hour stays.
func trim(spans []Span, now time.Time) []Span {
	first := max(0, len(spans)-maxSpans)
	for first+1 < len(spans) && now.Sub(spans[first+1].From) > Length {
		first++
	}
	return slices.Delete(spans, 0, first)
}

// sample takes the figures of a minute.
func (r *Recorder) sample(s status.Snapshot) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.series {
		one.add(s)
	}
}

// History returns what is remembered.
func (r *Recorder) History() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := History{Schema: Schema, Now: time.Now(), StepS: int(Step / time.Second), Stages: []Stage{}, Series: []Series{}}
	for _, name := range r.order {
		h.Stages = append(h.Stages, Stage{Name: name, Spans: trim(slices.Clone(r.spans[name]), h.Now)})
	}
	for _, one := range r.series {
		h.Series = append(h.Series, Series{Name: one.name, Values: slices.Clone(one.values)})
	}
	return h
}
