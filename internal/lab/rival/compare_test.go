package rival

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRecord(t *testing.T) {
	c := &comparison{rows: make([]Row, 2)}
	c.record(job{1, 0}, true, Sample{Recovered: time.Second}, nil)
	c.record(job{1, 0}, false, Sample{Recovered: time.Minute}, nil)
	c.record(job{1, 1}, true, Sample{Recovered: time.Hour}, errors.New("no lab"))
	if r := c.rows[0]; len(r.Agent)+len(r.Rival)+len(r.Failed) > 0 {
		t.Errorf("the other row has %+v", r)
	}
	r := c.rows[1]
	if len(r.Agent) != 1 || r.Agent[0].Recovered != time.Second || len(r.Rival) != 1 || r.Rival[0].Recovered != time.Minute {
		t.Errorf("the samples are %+v", r)
	}
	if len(r.Failed) != 1 || r.Failed[0] != "no lab" {
		t.Errorf("the failures are %q", r.Failed)
	}
}

func TestSampleText(t *testing.T) {
	for _, tt := range []struct {
		s    Sample
		err  error
		want string
	}{
		{Sample{Noticed: -1, Recovered: 1500 * time.Millisecond, Leaks: 2}, nil, "never noticed, back after 1.5 s, 2 packets in the open"},
		{Sample{Noticed: 0, Said: "status: down", Recovered: Limit}, nil, "noticed after 0.0 s (status: down), back after 300.0 s, 0 packets in the open"},
		{Sample{Recovered: time.Second}, errors.New("no lab"), "FAILED: no lab"},
	} {
		if got := tt.s.text(tt.err); got != tt.want {
			t.Errorf("%+v is %q, want %q", tt.s, got, tt.want)
		}
	}
}

func TestProgressIsOneLineEach(t *testing.T) {
	var b strings.Builder
	c := &comparison{progress: &b, began: time.Now().Add(-90 * time.Second)}
	c.say("%s, round %d", "black hole", 2)
	if got, want := b.String(), "  90 s  black hole, round 2\n"; got != want {
		t.Errorf("progress is %q, want %q", got, want)
	}
}
