package modem

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var wwan = config.Link{Interface: []string{"ppp0", "wwan0"}, Metered: true}

func TestFactsOfAModem(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.bearer(nil)
	r.modem("0", nil)
	got := r.rescue(wwan).Facts(within(t))
	want := status.Facts{
		"modem": "SIMCOM INCORPORATED SIM7600G-H", "modem_state": "connected", "sim": "ready",
		"operator": "NTT DOCOMO", "technology": "lte", "signal_percent": 74,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
