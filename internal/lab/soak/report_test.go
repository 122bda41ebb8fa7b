package soak

import (
	"math"
	"strings"
	"testing"
	"time"
)

// lived is a daemon that grows by so many MB an hour, looked at each minute.
func lived(pid int, from, minutes int, perHour float64) (all []Figures) {
	for m := range minutes {
		at := time.Duration(from+m) * time.Minute
		all = append(all, Figures{At: at, PID: pid, Resident: 20e6 + perHour*1e6*float64(m)/60, FDs: 20 + m%3, Goroutines: 40})
	}
	return all
}

func TestGrowth(t *testing.T) {
	r := Result{Figures: append(lived(1, 0, 10, 100), lived(2, 10, 31, 6)...)}
	r.Figures[10].Resident = 5e6 // a daemon that has just begun has not grown
	g := r.Growth()
	if g.Life != 29*time.Minute || math.Abs(g.PerHour-6e6) > 1 || math.Abs(g.Last-g.First-2.9e6) > 1 {
		t.Errorf("%+v, want 6 MB/h in 29 minutes", g)
	}
	if got := g.String(); got != "20.1 MB, 23.0 MB 29m0s later; +6.00 MB/h by least squares" {
		t.Errorf("%q", got)
	}
	if g := (Result{Figures: lived(1, 0, 3, 1)}).Growth(); g != (Growth{}) {
		t.Errorf("%+v of two figures", g)
	}
}

func TestWrite(t *testing.T) {
	r := Result{
		Seed: 42, Took: time.Hour, Rounds: 3, Done: map[string]int{"reload": 2, "broker dead": 1},
		Recoveries: []Recovery{{"reload", time.Second}, {"broker dead", 9 * time.Second}, {"reload", 2 * time.Second}},
		Figures:    lived(1, 0, 5, 0), Sent: 7200, Repeated: 12, Frames: 99,
	}
	page := func() string {
		var b strings.Builder
		if err := Write(&b, r, "make soak HOURS=1 SEED=42"); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	for _, want := range []string{
		"**All was well.**", "| command | `make soak HOURS=1 SEED=42` |", "1h0m0s, 3 rounds, 3 things", "| 0 of 99 on",
		"7200, 0 lost, 12 sent again", "| 2.0 s in the median |", "| left behind | nothing |", "20.0 MB 3m0s later; too short a time for a slope", "| 20 to 22, 40 to 40 |",
		"| after | s |\n|---|---:|\n| broker dead | 9.0 |\n", "| broker dead | 1 |\n| reload | 2 |\n",
	} {
		if !strings.Contains(page(), want) {
			t.Errorf("no %q in\n%s", want, page())
		}
	}
	r.Red, r.Leaks = []string{"it did not come back"}, []string{"route x: 1, before 0"}
	if got := page(); strings.Contains(got, "All was well") || !strings.Contains(got, "- it did not come back\n") || !strings.Contains(got, "| route x: 1, before 0 |") {
		t.Errorf("what is red is not said:\n%s", got)
	}
}
