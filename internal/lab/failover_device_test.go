package lab

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestFailoverWhenTheDeviceReportsTheLoss takes the VPN away in ways that this
// device knows of at once. How long it takes is logged.
func TestFailoverWhenTheDeviceReportsTheLoss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		inflict func(t *testing.T, l *Lab) error
	}{
		{"uplink down", func(_ *testing.T, l *Lab) error { return l.LinkDown() }},
		{"cable pulled", func(_ *testing.T, l *Lab) error { return l.Unplug() }},
		{"OpenVPN killed, cable pulled", func(t *testing.T, l *Lab) error {
			pid := only(t, l, "openvpn")
			if err := l.Unplug(); err != nil {
				return err
			}
			return syscall.Kill(pid, syscall.SIGKILL)
		}},
		{"tun down", func(_ *testing.T, l *Lab) error { return l.Device.ip("link set tun0 down") }},
		{"tun deleted", func(_ *testing.T, l *Lab) error { return l.Device.ip("link del tun0") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, a := startOK(t, standby())
			waitReadyStandby(t, a)
			endChatter := chatter(t, l)
			began := time.Now()
			must(t, tt.inflict(t, l))
			waitCarried(t, a, began, "canal")
			endChatter()
			if got := waysInto(t, l); got != "ppp0" {
				t.Errorf("the VPC's range is routed by %q, want ppp0", got)
			}
			clean(t, l, tt.name)
		})
	}
}

// TestFailoverWhenTheModemReportsTheLoss has the SIM as the preferred link and
// the VPN standing by.
func TestFailoverWhenTheModemReportsTheLoss(t *testing.T) {
	t.Parallel()
	l := start(t, standby())
	canalFirst(t, l)
	for _, tt := range []struct {
		name         string
		inflict, end func() error
		reason       status.Reason
	}{
		{"no carrier", func() error { return l.Canal.Carrier(false) }, func() error { return l.Canal.Carrier(true) }, status.ReasonNoCarrier},
		{"no address", func() error { return l.Canal.Address(false) }, func() error { return l.Canal.Address(true) }, status.ReasonNoAddress},
		{"hung up", func() error { l.Canal.HangUp(); return nil }, func() error { return l.Canal.Dial("ppp0") }, status.ReasonInterfaceMissing},
	} {
		a := startAgent(t, l)
		waitCarried(t, a, time.Now(), "canal")
		_, err := a.Wait(within(t, agentTimeout), "link", "the VPN to stand by", func(c status.Condition) bool {
			return linkOf(c, "vpn")["state"] == string(status.OK)
		})
		must(t, err)
		endChatter := chatter(t, l)
		began := time.Now()
		must(t, tt.inflict())
		s := waitCarried(t, a, began, "vpn")
		endChatter()
		if got := waysInto(t, l); got != "tun0" {
			t.Errorf("%s: the VPC's range is routed by %q, want tun0", tt.name, got)
		}
		if c := linkOf(stage(t, s.Snapshot, "link"), "canal"); c["reason"] != string(tt.reason) {
			t.Errorf("%s: canal is %s %s: %s", tt.name, c["state"], c["reason"], c["detail"])
		}
		a.Stop()
		must(t, tt.end())
		clean(t, l, tt.name)
	}
}

// TestRenamedModem follows a device from ppp0 to wwan0, with no other link to go to.
func TestRenamedModem(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Canal: CanalAlone})
	began := time.Now()
	must(t, l.Canal.Rename("wwan0"))
	waitLosses(t, a, "link", 1)
	s := waitCarried(t, a, began, "canal")
	if c := stage(t, s.Snapshot, "link"); fmt.Sprint(c.Facts["device"]) != "wwan0" {
		t.Errorf("the link is on %v", c.Facts["device"])
	}
	if got := waysInto(t, l); got != "wwan0" {
		t.Errorf("the VPC's range is routed by %q, want wwan0", got)
	}
	clean(t, l, "renaming the modem's device")
}
