package agent

import (
	"testing"

	"edgeagent/internal/status"
)

func TestOwnLoss(t *testing.T) {
	tests := []struct {
		state  status.State
		reason status.Reason
		want   bool
	}{
		{status.Down, status.ReasonNoUplink, true}, // the cable was pulled
		{status.Down, status.ReasonProcessExited, true},
		{status.Down, status.ReasonRecovering, true}, // `edgeagent link restart`
		{status.Down, status.ReasonNoAnswer, false},  // the VPN server, for all we know
		{status.Down, status.ReasonServerHalt, false},
		{status.Down, status.ReasonVPCSilent, false},
		{status.OK, status.ReasonConnected, false}, // the loss is further on: the endpoint
		{status.Degraded, status.ReasonNoUplink, false},
	}
	for _, tt := range tests {
		if got := ownLoss(status.Condition{State: tt.state, Reason: tt.reason}); got != tt.want {
			t.Errorf("%s, %s: %v", tt.state, tt.reason, got)
		}
	}
}
