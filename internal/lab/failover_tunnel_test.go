package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestTunnelDuringFailover has an ssh session open when the path goes over: it
// ends, that is told, and the next one comes by the SIM.
func TestTunnelDuringFailover(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, standby())
	waitReadyStandby(t, a)
	tunnel := open(t, l, "SSH")
	session, proxy := openSSH(t, tunnel), onlyProxy(t, a)
	began := time.Now()
	must(t, l.LinkDown())
	waitCarried(t, a, began, "canal")
	waitNoProcess(t, proxy)
	waitNoneOf(t, l, "cat")
	c := waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
	if last := fmt.Sprint(c.Facts["last"]); !strings.Contains(last, "the private path was lost") {
		t.Errorf("the last tunnel is told as %s", last)
	}
	if !strings.HasSuffix(c.Detail, "until the private path was lost") {
		t.Errorf("status says %q", c.Detail)
	}
	must(t, tunnel.Close())
	session.waitEnd(t)
	next := open(t, l, "SSH")
	run(t, next)
	waitIdle(t, a, next)
	clean(t, l, "failing over under a tunnel")
}

// TestUpgradeKeepsTheActiveLink has another binary take over while each of two
// links carries, with data flowing, and while the path waits to go back.
func TestUpgradeKeepsTheActiveLink(t *testing.T) {
	t.Parallel()
	for name, active := range map[string]string{"vpn": "vpn", "canal": "canal", "canal, the VPN well again": "canal"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := startUpgradable(t, standby(bothServices(nil)))
			waitReadyStandby(t, u.Agent)
			if active == "canal" {
				began := time.Now()
				must(t, u.LinkDown())
				waitCarried(t, u.Agent, began, "canal")
			}
			if name != active {
				must(t, u.LinkUp())
				waitWellAgain(t, u.Agent)
			}
			serveVNC(t, u.Lab, flipper)
			endFlow := flow(t, dial(t, open(t, u.Lab, "VNC"), "VNC"))
			openvpn, err := u.Device.Processes("openvpn")
			must(t, err)
			u.install(t, u.newer)
			began := u.hup()
			waitVersionCarried(t, u, active)
			t.Logf("SIGHUP to all usable in the new program: %s", time.Since(began).Round(time.Millisecond))
			t.Logf("%d bytes went through and back", endFlow())
			s := snapshot(t, u.Agent)
			if c := stage(t, s, "link"); c.Facts["link"] != active || linkOf(c, active)["active"] != true {
				t.Errorf("%s carries: %v", c.Facts["link"], c.Facts["links"])
			}
			after, err := u.Device.Processes("openvpn")
			must(t, err)
			if active == "vpn" && fmt.Sprint(after) != fmt.Sprint(openvpn) {
				t.Errorf("OpenVPN ran as %v, runs as %v", openvpn, after)
			}
			clean(t, u.Lab, "upgrading on "+name)
		})
	}
}

// waitVersionCarried waits until the newer program has every stage usable over a
// link. Another link must not carry in between.
func waitVersionCarried(t *testing.T, u *upgradeRig, link string) {
	t.Helper()
	must(t, Poll(within(t, agentTimeout), statusEvery, func() error {
		s, err := u.Peek(t.Context())
		if err != nil {
			return err
		}
		for _, c := range s.Stages {
			if c.Stage == "link" && c.State.Usable() && c.Facts["link"] != link {
				t.Errorf("%s carries after the upgrade", c.Facts["link"])
			}
			if !c.State.Usable() || s.Version != newerVersion {
				return fmt.Errorf("version %s: %s is %s %s: %s", s.Version, c.Stage, c.State, c.Reason, c.Detail)
			}
		}
		return nil
	}))
}
