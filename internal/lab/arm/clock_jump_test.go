package arm

import (
	"slices"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestClockJumps sets the clock of a running board a year ahead and a year behind,
// has the path end, and sets it right: what is wrong is named, nothing is tried
// with a certificate that cannot be judged, and the path is back by itself.
func TestClockJumps(t *testing.T) {
	asked(t, "boot", "test-arm-boot")
	g := newGateway(t, ARM64(), Virt())
	g.boots(t, "before the clock jumps")
	for _, jump := range []struct {
		name, there, back string
		wanted            []status.Reason
	}{
		// A clock that is ahead cannot be told from certificates that have ended.
		{"a year ahead", "+1 year", "-1 year", []status.Reason{status.ReasonCertExpired, status.ReasonClock}},
		{"a year behind", "-1 year", "+1 year", []status.Reason{status.ReasonClock}},
	} {
		g.ssh(t, "date --set '"+jump.there+"' && pkill -KILL -x openvpn")
		begin := time.Now()
		s := g.waitStatus(t, func(s status.Snapshot) bool {
			return s.FixFirst != nil && s.FixFirst.Stage == "link" && slices.Contains(jump.wanted, s.FixFirst.Reason)
		})
		figure(t, "clock %s: named after %.1f s: %s: %s", jump.name, time.Since(begin).Seconds(), s.FixFirst.Reason, s.FixFirst.Detail)
		g.ssh(t, "date --set '"+jump.back+"'")
		begin = time.Now()
		g.waitStatus(t, allOK)
		figure(t, "clock %s: set right to path up %.1f s", jump.name, time.Since(begin).Seconds())
	}
	g.clean(t)
}
