package faults

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// lifted is r with a fault that is taken away.
func lifted(r Result) Result {
	r.Lift = typed("true")
	return r
}

func TestRed(t *testing.T) {
	late := Result{Detected: DetectBound + time.Second, Recovered: RecoverBound + time.Second}
	ruled := late
	ruled.World = "a timer of 60 s"
	for name, c := range map[string]struct {
		r    Result
		want string
	}{
		"good":       {Result{Detected: DetectBound, Recovered: RecoverBound, Sent: 9, Duplicated: 3}, ""},
		"late":       {lifted(late), "named after 41.0 s, bound 40.0 s; back after 6.0 s, bound 5.0 s"},
		"mended":     {Result{Recovered: DetectBound + RecoverBound}, ""},
		"not mended": {Result{Recovered: DetectBound + RecoverBound + time.Second}, "back after 46.0 s, bound 45.0 s"},
		"ruled":      {ruled, ""},
		"lost":       {Result{Sent: 9, Lost: 1}, "1 of 9 messages lost"},
		"open":       {Result{Trap: 2}, "2 packets left in the open"},
		"leaks":      {Result{Leaks: []string{"fd: 1", "route: 2"}}, "left over: fd: 1; route: 2"},
		"not played": {Result{Err: errors.New("no\nlab")}, "no lab"},
	} {
		if got := strings.Join(c.r.Red(), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestSummarize(t *testing.T) {
	wants := Row{Want: []Want{silent}}
	ruled := Row{Want: []Want{silent}, World: "a timer of 60 s"}
	s := Summarize([]Result{
		lifted(Result{Row: wants, Detected: time.Second, Recovered: 2 * time.Second, Sent: 10, Duplicated: 1}),
		{Row: wants, Detected: 3 * time.Second, Recovered: 3 * time.Second, Sent: 10, Lost: 2},
		{Row: ruled, Detected: 70 * time.Second, Recovered: time.Minute},
		{Row: wants, Err: errors.New("not named"), Detected: time.Hour},
		{Row: Row{}, Leaks: []string{"fd"}, Trap: 3},
		{Row: Row{LeftOut: "no clock"}},
	})
	want := Summary{
		Rows: 5, Red: 3, LeftOut: 1, Sent: 20, Lost: 2, Duplicated: 1, Trap: 3, Leaking: 1,
		DetectedMedian: 3 * time.Second, DetectedMax: 70 * time.Second, DetectedBoundedMax: 3 * time.Second,
		RecoveredMedian: 3 * time.Second, RecoveredMax: time.Minute, RecoveredBoundedMax: 2 * time.Second,
	}
	if s != want {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	if empty := Summarize(nil); empty != (Summary{}) {
		t.Errorf("of nothing: %+v", empty)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	err := Write(&b, "make faults RUN='x'", []Result{
		{Row: Row{Name: "a", How: "b|c", Want: []Want{silent}}, Detected: 1500 * time.Millisecond, Recovered: time.Second, Said: "ok, link no-answer, ok", Sent: 7, Lost: 1},
		{Row: Row{Name: "d", How: "e", World: "OpenVPN's 60 s"}, Note: "seed 4"},
		{Row: Row{Name: "f", LeftOut: "no\nclock"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"`make faults RUN='x'` writes this page anew", "| rows | 2, red: 1, left out: 1 |", "| messages | 7 sent, 1 lost, 0 delivered twice |",
		`| a | b\|c | 1.5 s | ok, link no-answer, ok | 1.0 s | 7 | 1 | 0 | 0 | 0 | **red** |`,
		"| d | e | absorbed |  | - | 0 | 0 | 0 | 0 | 0 |  |",
		"## Red rows\n\n- **a**: 1 of 7 messages lost\n", "timers\n\n- **d**: OpenVPN's 60 s\n", "## Notes\n\n- **d**: seed 4\n", "## Left out\n\n- **f**: no clock\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("lacks %q:\n%s", want, b.String())
		}
	}
}
