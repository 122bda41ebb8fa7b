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
