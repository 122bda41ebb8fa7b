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

func TestSilenceOfTheResolver(t *testing.T) {
	ok := status.Condition{State: status.OK, Reason: status.ReasonReady}
	silent := status.Condition{State: status.Degraded, Reason: status.ReasonNoAnswer}
	down := status.Condition{State: status.Down, Reason: status.ReasonNoAnswer}
	failing := status.Condition{State: status.Degraded, Reason: status.ReasonServerFailed}
	tests := []struct {
		name        string
		before, now status.Condition
		fell, sure  bool
	}{
		{"silent", ok, silent, true, false},
		{"still silent", silent, silent, false, false},
		{"given up", silent, down, false, false}, // the chain has ended what stands on it
		{"back in time", silent, ok, false, true},
		{"back late", down, ok, false, false},
		{"answering with errors", ok, failing, false, false},
		{"answering well again", failing, ok, false, false},
		{"first answer", status.Condition{State: status.Starting}, ok, false, false},
	}
	for _, tt := range tests {
		if fell, sure := fellSilent(tt.before, tt.now), sureAgain(tt.before, tt.now); fell != tt.fell || sure != tt.sure {
			t.Errorf("%s: fell silent %t, sure again %t", tt.name, fell, sure)
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
