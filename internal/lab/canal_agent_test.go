package lab

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestCanalAlone has the path come up over a SIM that something else dials.
func TestCanalAlone(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Canal: CanalAlone})
	s := snapshot(t, a)
	c := stage(t, s, "link")
	for key, want := range map[string]string{
		"link": "canal", "type": "interface", "device": "ppp0", "address": "10.201.0.2/32", "mtu": fmt.Sprint(canalMTU),
		"metered": "true", "routes": "[10.0.0.0/16]", "servers": "[10.0.6.53 10.0.20.53]",
	} {
		if got := fmt.Sprint(c.Facts[key]); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
	if n, _ := c.Facts["agent_bytes_day"].(float64); n < 200 {
		t.Errorf("agent_bytes_day is %v after a path that came up", c.Facts["agent_bytes_day"])
	}
	if got := linkOf(c, "canal"); got["active"] != true || got["device"] != "ppp0" || got["state"] != string(status.OK) {
		t.Errorf("links: %v", c.Facts["links"])
	}
	rows := strings.Split(strings.TrimSpace(edgeagent(t, l, 0, "link", "list")), "\n")
	if want := "canal interface ok yes ppp0"; len(rows) != 2 || !strings.HasPrefix(strings.Join(strings.Fields(rows[1]), " "), want) {
		t.Errorf("link list: %q, want a row of %s", rows, want)
	}
	if n := sessionsFrom(t, l, simAddr.String()); n != 1 {
		t.Errorf("%d sessions from the SIM's address, want one", n)
	}
	if got := waysInto(t, l); got != "ppp0" {
		t.Errorf("the VPC's range is routed by %q, want ppp0", got)
	}
	if got := lookup(t, l, EndpointHost); !strings.Contains(got, BrokerAddrs[0].String()) {
		t.Errorf("other programs find %q", got)
	}
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitIdle(t, a, tunnel)
	if n := l.Canal.Traffic().Strays; n != 0 {
		t.Errorf("%d packets for addresses that a closed network does not have", n)
	}
	clean(t, l, "over a SIM alone")
}

// TestRestartOfASIM proves the link anew, as nothing on this device dials it.
func TestRestartOfASIM(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Canal: CanalAlone})
	out := edgeagent(t, l, 0, "link", "restart")
	if !strings.HasPrefix(out, "link canal is restarting") {
		t.Errorf("it says %q", out)
	}
	waitLosses(t, a, "link", 1)
	waitOK(t, a)
	if out := edgeagent(t, l, 1, "link", "restart", "lte"); out != "" {
		t.Errorf("an unknown link: %q", out)
	}
}

// TestBadWeather has the SIM lose packets and be slow: the path stays up.
func TestBadWeather(t *testing.T) {
	t.Parallel()
	config := map[string]string{"probe.interval": "2s", "probe.suspect_interval": "1s", "canal.metered": "false"}
	l, a := startOK(t, Options{Canal: CanalAlone, Config: config})
	l.Canal.Weather(Radio{Delay: 300 * time.Millisecond, Loss: 0.1, Rate: 16 << 10})
	questions := l.Canal.Traffic()
	tunnel := open(t, l, "SSH")
	session := openSSH(t, tunnel)
	for range 20 {
		session.say(t, strings.Repeat("slow and lossy ", 40))
	}
	waitIdle(t, a, tunnel)
	s := snapshot(t, a)
	for _, name := range []string{"link", "broker"} {
		if c := stage(t, s, name); c.Losses != 0 || !c.State.Usable() {
			t.Errorf("%s is %s %s, lost %d times: %s", name, c.State, c.Reason, c.Losses, c.Detail)
		}
	}
	t.Logf("%d bytes up, %d down", l.Canal.Traffic().Up-questions.Up, l.Canal.Traffic().Down-questions.Down)
	clean(t, l, "in bad weather")
}

// TestCanalInALANOfTheVPCsRange has the device in a 10.0.0.0/16 of its own: the
// range stays the LAN's, and status says so.
func TestCanalInALANOfTheVPCsRange(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Canal: CanalAlone, OverlappingLAN: true})
	c := stage(t, snapshot(t, a), "link")
	if want := "10.0.0.0/16 is this device's own network as well"; !strings.Contains(c.Detail, want) {
		t.Errorf("the link says %q, want %s", c.Detail, want)
	}
	if got := fmt.Sprint(c.Facts["routes_withheld"]); got != "[10.0.0.0/16]" {
		t.Errorf("routes_withheld is %s", got)
	}
	if n := sessionsFrom(t, l, simAddr.String()); n != 1 {
		t.Errorf("%d sessions from the SIM's address, want one", n)
	}
	for addr, want := range map[string]string{overlappingLAN.Gateway.Addr().String(): "dev eth0", BrokerAddrs[0].String(): "dev ppp0"} {
		out, err := l.Device.Run(t.Context(), "ip", "route", "get", addr)
		must(t, err)
		if !strings.Contains(out, want) {
			t.Errorf("%s is reached by %s, want %s", addr, out, want)
		}
	}
	clean(t, l, "in a LAN of the VPC's range")
}
