package status

import (
	"testing"
	"time"
)

func TestForScriptsTimes(t *testing.T) {
	at := time.Date(2026, 11, 21, 17, 30, 0, 999_999_999, time.FixedZone("JST", 9*60*60))
	s := Snapshot{Since: at, Started: at, Now: at, Stages: []Condition{{Since: at}}}
	got := s.ForScripts()
	for name, since := range map[string]time.Time{
		"since": got.Since, "started": got.Started, "now": got.Now, "a stage's since": got.Stages[0].Since,
	} {
		if text, err := since.MarshalText(); err != nil || string(text) != "2026-11-21T08:30:00Z" {
			t.Errorf("%s is %s, %v", name, text, err)
		}
	}
	if s.Stages[0].Since != at {
		t.Error("the snapshot itself was changed")
	}
}

func TestForScriptsKeepsAnEmptyList(t *testing.T) {
	if got := (Snapshot{Stages: []Condition{}}).ForScripts(); got.Stages == nil {
		t.Error("stages became null")
	}
}
