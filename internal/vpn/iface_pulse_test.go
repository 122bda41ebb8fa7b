package vpn

import (
	"testing"
	"time"

	"edgeagent/internal/config"
)

// A device that is just there is proved quickly; one that has failed to answer
// since then has to be there for longer.
func TestProofOfADialledLink(t *testing.T) {
	now := time.Now()
	for _, tt := range []struct {
		fails bool
		want  time.Duration
	}{{false, proofSpacing}, {true, probeSpacing}} {
		p := pulse{probe: config.Default().Probe}
		p.start(now)
		if tt.fails {
			p.begin(now)
			p.failed(now, now, time.Time{})
		}
		p.begin(now)
		p.answered(now)
		if got := p.next.Sub(now); p.proven || got != tt.want {
			t.Errorf("failed before: %t: the second question comes after %v, want %v; proven %t", tt.fails, got, tt.want, p.proven)
		}
		p.begin(p.next)
		if p.answered(now); !p.proven {
			t.Errorf("failed before: %t: two answers are no proof", tt.fails)
		}
	}
}

// A dialled path that is away is asked so often that its end is seen within 5 s;
// on a metered one the pause grows to a minute.
func TestDialledPathThatIsAwayIsAskedSoon(t *testing.T) {
	for _, tt := range []struct {
		metered bool
		took    time.Duration // of each probe
		away    time.Duration
		want    time.Duration // from its end to the next
	}{
		{false, 7 * time.Second, 3 * time.Hour, probeSpacing},
		{false, 0, 3 * time.Hour, seekSpacing},
		{true, 7 * time.Second, 5 * time.Minute, 15 * time.Second},
		{true, 7 * time.Second, 3 * time.Hour, patientProbe},
	} {
		now := time.Unix(1000, 0)
		p := pulse{probe: config.Default().Probe, metered: tt.metered}
		p.start(now)
		for began := now; now.Sub(began) < tt.away; now = p.next {
			p.begin(now)
			p.failed(now.Add(tt.took), now, time.Time{})
		}
		p.begin(now)
		end := now.Add(tt.took)
		p.failed(end, now, time.Time{})
		if got := p.next.Sub(end); got != tt.want {
			t.Errorf("%+v: the next after %s", tt, got)
		}
	}
}
