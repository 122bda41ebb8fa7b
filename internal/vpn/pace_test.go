package vpn

import (
	"testing"
	"time"

	"edgeagent/internal/config"
)

func TestPaceSparesAMeteredLink(t *testing.T) {
	for _, tt := range []struct {
		metered  bool
		interval time.Duration
		want     time.Duration
	}{
		{false, time.Minute, time.Minute},
		{true, time.Minute, 600 * time.Second},
		{true, 10 * time.Minute, 20 * time.Minute},
	} {
		v := &OpenVPN{opts: Options{Link: config.Link{Metered: tt.metered}, Probe: config.Probe{Interval: tt.interval}}}
		if got := v.Pace(); got != tt.want {
			t.Errorf("metered %v, interval %v: every %v, want %v", tt.metered, tt.interval, got, tt.want)
		}
	}
}
