package lab

import (
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestUplinkChangeWithAStandby gives the device another address at its site: the
// VPN connects anew at once, and the SIM is not needed.
func TestUplinkChangeWithAStandby(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, standby())
	waitReadyStandby(t, a)
	began := time.Now()
	must(t, l.Device.ip(
		"addr flush dev eth0", "addr add 192.168.77.3/24 dev eth0",
		"route replace default via "+l.opts.lan().Gateway.Addr().String()))
	waitLosses(t, a, "link", 1)
	waitCarried(t, a, began, "vpn")
	if s := snapshot(t, a); s.State != status.OK {
		t.Errorf("it is %s", s.State)
	}
	if n := l.Canal.Traffic().Up; n != 0 {
		t.Errorf("the SIM was used for %d bytes", n)
	}
	clean(t, l, "another address at the site")
}

// TestUplinkBackWhileTheSIMCarries has the VPN well again as soon as its uplink
// is, long before OpenVPN's own timers.
func TestUplinkBackWhileTheSIMCarries(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, standby())
	waitReadyStandby(t, a)
	began := time.Now()
	must(t, l.LinkDown())
	waitCarried(t, a, began, "canal")
	began = time.Now()
	must(t, l.LinkUp())
	waitWellAgain(t, a)
	t.Logf("the VPN is well %s after its uplink", time.Since(began).Round(time.Millisecond))
	if s := waitCarried(t, a, time.Now(), "canal"); stage(t, s.Snapshot, "broker").Losses != 1 {
		t.Errorf("the session was lost %d times, want once", stage(t, s.Snapshot, "broker").Losses)
	}
	if got := waysInto(t, l); got != "ppp0" {
		t.Errorf("the VPC's range is routed by %q, want ppp0", got)
	}
	if out := edgeagent(t, l, 1, "status"); !strings.Contains(out, "back to it at") {
		t.Errorf("status does not say when the path goes back:\n%s", out)
	}
	clean(t, l, "the uplink is back")
}

// TestFailoverInALANOfTheVPCsRange has machines of the site at the addresses of
// the VPC's resolver and broker: nothing goes to them while the path goes over.
func TestFailoverInALANOfTheVPCsRange(t *testing.T) {
	t.Parallel()
	o := standby(impatient)
	o.OverlappingLAN = true
	l, a := startOK(t, o)
	waitReadyStandby(t, a)
	began := time.Now()
	must(t, l.BlackholeVPN(true))
	waitLosses(t, a, "link", 1)
	lookup(t, l, EndpointHost)
	s := waitCarried(t, a, began, "canal")
	if c := stage(t, s.Snapshot, "link"); !strings.Contains(c.Detail, "10.0.0.0/16 is this device's own network as well") {
		t.Errorf("the link says %q", c.Detail)
	}
	if n := sessionsFrom(t, l, simAddr.String()); n != 1 {
		t.Errorf("%d sessions from the SIM's address, want one", n)
	}
	clean(t, l, "failing over in a LAN of the VPC's range")
}
