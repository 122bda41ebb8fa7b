package lab

import (
	"fmt"
	"strings"
	"testing"

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
