package field

import (
	"os"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/check"
	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// allEnv has every situation played; else those that are quick.
const allEnv = "EDGEAGENT_FIELD_TESTS"

// quick are played in every run, one for each stage.
var quick = []string{"all is well", "cable out", "modem gone", "record missing", "IoT policy refuses the subscription", "service not allowed"}

func TestSituations(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	bin := program(t)
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			if os.Getenv(allEnv) == "" && !slices.Contains(quick, s.Name) {
				t.Skip("takes minutes: make field-tests")
			}
			t.Parallel()
			r, err := s.Run(t.Context(), bin)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("named after %s, back after %s\n%s%s: %s", r.Detected, r.Recovered, r.Screen, r.Found.ID, r.Found.Finding)
			r.judge(t)
		})
	}
}

// judge: the root cause comes first, on the screen as in the check, and nothing
// left in the open.
func (r Result) judge(t *testing.T) {
	t.Helper()
	if r.Trap != 0 {
		t.Errorf("%d packets left in the open", r.Trap)
	}
	if screen := oneLine(r.Screen); r.Reason != "" && !strings.Contains(screen, status.Title(r.Stage, r.Reason)) {
		t.Errorf("the screen does not say %q", status.Title(r.Stage, r.Reason))
	}
	if r.Stage != "" && !strings.Contains(r.Screen, "Next: ") {
		t.Error("the screen does not say what to do")
	}
	if r.Found.ID != r.Check {
		t.Errorf("the first check that is not ok is %q (%s), want %q", r.Found.ID, r.Found.Finding, r.Check)
	}
	if r.Found.ID != "" && r.Found.Fix == "" {
		t.Errorf("check %s does not say what to do", r.Found.ID)
	}
}

// program is the edgeagent to play with, built if none is given.
func program(t *testing.T) string {
	t.Helper()
	bin, err := lab.Program(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestTable keeps the situations apart.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range All() {
		if seen[s.Name] || s.Name == "" || s.How == "" {
			t.Errorf("situation %q: twice, or without words", s.Name)
		}
		seen[s.Name] = true
		if s.Check != "" && !slices.Contains(check.IDs(), s.Check) {
			t.Errorf("%s: there is no check %s", s.Name, s.Check)
		}
	}
	for _, name := range quick {
		if !seen[name] {
			t.Errorf("there is no situation %q", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("%d situations", len(seen))
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b, []Result{
		{Situation: Situation{Name: "a", How: "b", Stage: "link", Reason: "no-answer"}, Screen: "x\ny\n", Detected: 1500e6,
			Found: check.Result{ID: "link", State: check.Error, Finding: "two\nlines", Fix: "do"}, Trap: 2},
		{Situation: Situation{Name: "c", How: "d"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"over all rows: 2.", "| a | b | link no-answer | 1.5 s | link | - |", "| c | d | ok |", "    x\n    y\n", "two lines", "Fix: do"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
