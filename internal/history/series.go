package history

import (
	"slices"

	"edgeagent/internal/status"
)

// series is one figure's past.
type series struct {
	name   string
	read   func(s status.Snapshot) (float64, bool)
	count  bool // a running total, of which the growth is kept
	values []*float64

	before float64 // of a total
	begun  bool
}

// figures are what a technician watches: does it answer, does it break, does it
// carry anything.
func figures() []*series {
	return []*series{
		{name: "probe_rtt_ms", read: fact("link", "probe_rtt_ms")},
		{name: "mqtt_rtt_ms", read: fact("broker", "rtt_ms")},
		{name: "losses", read: losses, count: true},
		{name: "bytes_in", read: fact("link", "bytes_in"), count: true},
		{name: "bytes_out", read: fact("link", "bytes_out"), count: true},
	}
}

// fact reads a number from a stage's facts while the stage is usable: what a
// lost stage left there is old.
func fact(stage, key string) func(status.Snapshot) (float64, bool) {
	return func(s status.Snapshot) (float64, bool) {
		c, _ := s.Stage(stage)
		if !c.State.Usable() {
			return 0, false
		}
		return c.Facts.Number(key)
	}
}

// losses are those of all stages.
func losses(s status.Snapshot) (float64, bool) {
	sum := 0
	for _, c := range s.Stages {
		sum += c.Losses
	}
	return float64(sum), true
}

// add takes the next value. The first of a total is only where it begins, and
// so is one that is smaller than before: another process counts there.
func (s *series) add(snapshot status.Snapshot) {
	value, known := s.read(snapshot)
	if s.count && known {
		total := value
		value -= s.before
		known = s.begun && value >= 0
		s.before, s.begun = total, true
	}
	var next *float64
	if known {
		next = &value
	}
	s.values = append(s.values, next)
	s.values = slices.Delete(s.values, 0, max(0, len(s.values)-values))
}
