package agent

import "edgeagent/internal/status"

// ownLoss reports whether the link is down for a reason of this device's own.
// Then there is no fleet that comes back at the same time. A silent server may
// be everybody's, and so may be whatever stands behind a link that is fine.
func ownLoss(link status.Condition) bool {
	if link.State.Usable() {
		return false
	}
	switch link.Reason {
	case status.ReasonNoUplink, status.ReasonNoCarrier, status.ReasonNoAddress, status.ReasonInterfaceMissing,
		status.ReasonProcessExited, status.ReasonTunUnavailable, status.ReasonRecovering:
		return true
	}
	return false
}
