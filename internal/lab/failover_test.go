package lab

import (
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestFailoverFromABlackHole takes the VPN away without a word, with the probes
// as they are by default. How long it takes is logged.
func TestFailoverFromABlackHole(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, standby())
	waitReadyStandby(t, a)
	if got := waysInto(t, l); got != "tun0" {
		t.Errorf("the VPC's range is routed by %q, want tun0", got)
	}
	if n := l.Canal.Traffic().Up; n != 0 {
		t.Errorf("the standby has sent %d bytes", n)
	}
	endChatter := chatter(t, l)
	began := time.Now()
	must(t, l.BlackholeVPN(true))
	s := waitCarried(t, a, began, "canal")
	endChatter()
	if got := waysInto(t, l); got != "ppp0" {
		t.Errorf("the VPC's range is routed by %q, want ppp0", got)
	}
	if n := sessionsFrom(t, l, simAddr.String()); n != 1 {
		t.Errorf("%d sessions from the SIM's address, want one", n)
	}
	c := stage(t, s.Snapshot, "link")
	if c.State != status.Degraded || c.Reason != status.ReasonFailover || !strings.Contains(c.Detail, "vpn (openvpn)") {
		t.Errorf("the link is %s %s: %s", c.State, c.Reason, c.Detail)
	}
	screen, err := a.Screen(t.Context())
	must(t, err)
	t.Log("\n" + screen + edgeagent(t, l, 0, "link", "list"))
	if got := lookup(t, l, EndpointHost); !strings.Contains(got, BrokerAddrs[0].String()) {
		t.Errorf("other programs find %q", got)
	}
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitIdle(t, a, tunnel)
	clean(t, l, "failing over from a black hole")
}
