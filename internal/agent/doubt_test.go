package agent

import (
	"testing"

	"edgeagent/internal/status"
)

func TestInDoubt(t *testing.T) {
	tests := []struct {
		before, now status.State
		want        bool
	}{
		{status.OK, status.Degraded, true},
		{status.Degraded, status.OK, true},
		{status.OK, status.OK, false},
		{status.OK, status.Down, false}, // the chain ends the session itself
		{status.Starting, status.OK, false},
		{"", status.OK, false},
	}
	for _, tt := range tests {
		before, now := status.Condition{State: tt.before}, status.Condition{State: tt.now}
		if got := inDoubt(before, now); got != tt.want {
			t.Errorf("%s -> %s: %v, want %v", tt.before, tt.now, got, tt.want)
		}
	}
}

func TestClosedBecauseNamesTheRootCause(t *testing.T) {
	b := status.NewBoard("gw", "test", "link", "dns")
	b.Set("link", status.Update{State: status.Down, Reason: status.ReasonAuthFailed})
	if got, want := closedBecause(b), "edgeagent: link: the VPN server refuses this device"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
