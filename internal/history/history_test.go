package history

import (
	"encoding/json"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// follow runs a Recorder beside f, in fake time.
func follow(t *testing.T, f func(b *status.Board, r *Recorder)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := status.NewBoard("gw", "test", "link", "broker")
		r := NewRecorder(b)
		go r.Run(t.Context())
		synctest.Wait()
		f(b, r)
	})
}

func set(b *status.Board, stage string, state status.State, facts status.Facts) {
	b.Set(stage, status.Update{State: state, Facts: facts})
	synctest.Wait()
}

func (h History) of(stage string) []Span {
	for _, s := range h.Stages {
		if s.Name == stage {
			return s.Spans
		}
	}
	return nil
}

func (h History) series(name string) []*float64 {
	for _, s := range h.Series {
		if s.Name == name {
			return s.Values
		}
	}
	return nil
}

func TestSpansFollowTheStates(t *testing.T) {
	follow(t, func(b *status.Board, r *Recorder) {
		start := time.Now()
		time.Sleep(time.Second)
		set(b, "link", status.OK, nil)
		set(b, "link", status.OK, status.Facts{"device": "tun0"}) // no other state
		time.Sleep(time.Minute)
		set(b, "link", status.Down, nil)
		got := r.History().of("link")
		want := []Span{{From: start, State: status.Starting}, {From: start.Add(time.Second), State: status.OK}, {From: start.Add(61 * time.Second), State: status.Down}}
		if len(got) != len(want) {
			t.Fatalf("spans %+v", got)
		}
		for i := range want {
			if !got[i].From.Equal(want[i].From) || got[i].State != want[i].State {
				t.Errorf("span %d is %+v, want %+v", i, got[i], want[i])
			}
		}
	})
}

func TestOnlyTheLastHourIsKept(t *testing.T) {
	follow(t, func(b *status.Board, r *Recorder) {
		set(b, "link", status.OK, nil)
		time.Sleep(30 * time.Minute)
		set(b, "link", status.Down, nil)
		time.Sleep(50 * time.Minute)
		set(b, "link", status.OK, nil)
		spans := r.History().of("link")
		// ok reaches into the hour, what was before it does not.
		if len(spans) != 3 || spans[0].State != status.OK {
			t.Errorf("spans %+v", spans)
		}
		time.Sleep(3 * time.Hour)
		if spans := r.History().of("link"); len(spans) != 1 || spans[0].State != status.OK {
			t.Errorf("after a quiet time: %+v", spans)
		}
		if n := len(r.History().series("probe_rtt_ms")); n != values {
			t.Errorf("%d values, want %d", n, values)
		}
	})
}

// TestFlappingIsBounded: a link that flaps ten times a second for an hour.
func TestFlappingIsBounded(t *testing.T) {
	follow(t, func(b *status.Board, r *Recorder) {
		for i := range 36_000 {
			state := status.OK
			if i%2 == 0 {
				state = status.Down
			}
			time.Sleep(100 * time.Millisecond)
			set(b, "link", state, nil)
		}
		h := r.History()
		if n := len(h.of("link")); n > maxSpans {
			t.Errorf("%d spans", n)
		}
		text, err := json.Marshal(h)
		if err != nil || len(text) > 128<<10 {
			t.Errorf("%d bytes of JSON, %v", len(text), err)
		}
	})
}

func TestFigures(t *testing.T) {
	follow(t, func(b *status.Board, r *Recorder) {
		traffic := func(in uint64, rtt float64) status.Facts {
			return status.Facts{"bytes_in": in, "probe_rtt_ms": rtt}
		}
		time.Sleep(time.Second)
		set(b, "link", status.OK, traffic(1000, 12.5))
		time.Sleep(Step)
		set(b, "link", status.OK, traffic(1500, 20))
		time.Sleep(Step)
		set(b, "link", status.Down, nil)
		time.Sleep(Step)
		set(b, "link", status.OK, traffic(100, 30)) // a new process counts from zero
		time.Sleep(Step)
		synctest.Wait()
		h := r.History()
		wantValues(t, "probe_rtt_ms", h.series("probe_rtt_ms"), nil, 12.5, 20.0, nil, 30.0)
		wantValues(t, "bytes_in", h.series("bytes_in"), nil, nil, 500.0, nil, nil)
		wantValues(t, "losses", h.series("losses"), nil, 0.0, 0.0, 1.0, 0.0)
	})
}

func wantValues(t *testing.T, name string, got []*float64, want ...any) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s has %d values, want %d", name, len(got), len(want))
	}
	for i, w := range want {
		switch {
		case (w == nil) != (got[i] == nil):
			t.Errorf("%s, minute %d: known is %v", name, i, got[i] != nil)
		case w != nil && *got[i] != w:
			t.Errorf("%s, minute %d: %v, want %v", name, i, *got[i], w)
		}
	}
}

// TestRestore: a reload must not cost the hour, and what was measured before the
// clock was set back, or by another version, must not spoil it.
func TestRestore(t *testing.T) {
	var before History
	follow(t, func(b *status.Board, r *Recorder) {
		set(b, "link", status.OK, status.Facts{"probe_rtt_ms": 12.5, "bytes_in": 100})
		time.Sleep(2*Step + time.Second)
		before = r.History()
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(2*Step + 2*time.Second) // bubbles begin at the same time
		future := Span{From: time.Now().Add(time.Hour), State: status.Down}
		before.Stages[1].Spans = append(before.Stages[1].Spans, future)
		b := status.NewBoard("gw", "test", "link", "broker")
		r := NewRecorder(b)
		r.Restore(before)
		go r.Run(t.Context())
		synctest.Wait()
		set(b, "link", status.OK, status.Facts{"probe_rtt_ms": 20.0, "bytes_in": 700})
		time.Sleep(Step)
		synctest.Wait()
		h := r.History()
		var got []status.State
		for _, s := range h.of("link") {
			got = append(got, s.State)
		}
		if want := []status.State{status.Starting, status.OK, status.Starting, status.OK}; !slices.Equal(got, want) {
			t.Errorf("link was %v, want %v", got, want)
		}
		if n := len(h.of("broker")); n != 1 {
			t.Errorf("the broker has %d spans, want its waiting alone", n)
		}
		wantValues(t, "probe_rtt_ms", h.series("probe_rtt_ms"), nil, 12.5, 12.5, 20.0)
		wantValues(t, "bytes_in", h.series("bytes_in"), nil, nil, 0.0, nil)
	})
	r := NewRecorder(status.NewBoard("gw", "test", "link"))
	before.StepS = 30
	r.Restore(before)
	if got := r.History().series("probe_rtt_ms"); len(got) != 0 {
		t.Errorf("values of another step were taken: %d", len(got))
	}
}

func TestSparkline(t *testing.T) {
	v := func(f float64) *float64 { return &f }
	values := []*float64{v(99), v(0), v(50), nil, v(100)}
	for _, tc := range []struct {
		width int
		plain bool
		want  string
	}{{4, false, "▁▅ █"}, {4, true, "_+ @"}, {7, true, "  @_+ @"}} {
		if got := Sparkline(values, tc.width, tc.plain); got != tc.want {
			t.Errorf("width %d: %q, want %q", tc.width, got, tc.want)
		}
	}
	if got := Sparkline([]*float64{v(0), nil}, 2, true); got != "_ " {
		t.Errorf("all zero: %q", got)
	}
	if got := Sparkline(nil, 3, true); got != "   " {
		t.Errorf("nothing: %q", got)
	}
}
