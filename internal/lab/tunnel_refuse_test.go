package lab

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// agentLog counts the lines of the agent's log that hold text.
func agentLog(t *testing.T, l *Lab, text string) int {
	t.Helper()
	data, err := os.ReadFile(l.path("log", "edgeagent.log"))
	must(t, err)
	return strings.Count(string(data), text)
}

// TestTunnelRefusedNotifications sends what is not for this device. Each token
// is good, so that only the device's own judgement keeps the tunnel shut.
func TestTunnelRefusedNotifications(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	for _, n := range []struct{ name, mode, region, services, says string }{
		{"service", "destination", Region, `["SSH","RDP"]`, `service "RDP" is not in tunnel.services (SSH)`},
		{"region", "destination", "eu-west-1", `["SSH"]`, `in region "eu-west-1", this device in ` + Region},
		{"mode", "source", Region, `["SSH"]`, `clientMode is "source", this device is only ever the destination`},
	} {
		token := l.Tunneling.Open("SSH").DestinationToken
		payload := fmt.Sprintf(`{"clientAccessToken":%q,"clientMode":%q,"region":%q,"services":%s}`, token, n.mode, n.region, n.services)
		must(t, l.Publish(t.Context(), "$aws/things/"+Thing+"/tunnels/notify", []byte(payload)))
		c := waitDetail(t, a, n.says)
		if c.State != status.Degraded || c.Reason != status.ReasonRefused {
			t.Errorf("%s: tunnel is %s %s: %s", n.name, c.State, c.Reason, c.Detail)
		}
		if agentLog(t, l, token) > 0 {
			t.Errorf("%s: the token is in the log", n.name)
		}
	}
	screen, err := a.Screen(t.Context())
	must(t, err)
	if !strings.Contains(screen, "DEGRADED") || !strings.Contains(screen, "this device is only ever") {
		t.Errorf("the screen does not say why:\n%s", screen)
	}
	checkNothingLaunched(t, l, a)
	stays(t, a)

	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitIdle(t, a, tunnel)
	waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
}

func checkNothingLaunched(t *testing.T, l *Lab, a *Agent) {
	t.Helper()
	if n := agentLog(t, l, "tunnel opening"); n > 0 {
		t.Errorf("%d tunnels were opened", n)
	}
	if n := l.Tunneling.Stats(); n.Handshakes+n.Refused > 0 || len(proxies(t, a)) > 0 {
		t.Errorf("%+v at the service, proxies %v", n, proxies(t, a))
	}
}

// TestTunnelDuplicateToken delivers a notification again while its tunnel is
// open, and once more after it was closed.
func TestTunnelDuplicateToken(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	tunnel := open(t, l, "SSH")
	session, proxy := openSSH(t, tunnel), onlyProxy(t, a)
	barrier := func(mark string) { // notifications are taken in order
		must(t, l.Publish(t.Context(), "$aws/things/"+Thing+"/tunnels/notify", fmt.Appendf(nil,
			`{"clientAccessToken":"x","clientMode":%q,"region":"r"}`, mark)))
		waitDetail(t, a, mark)
	}
	must(t, l.Notify(t.Context(), tunnel.DestinationToken, "SSH"))
	barrier("first")
	session.say(t, "still here")
	if now := onlyProxy(t, a); now != proxy {
		t.Errorf("the proxy is %d, was %d", now, proxy)
	}
	edgeagent(t, l, 0, "tunnel", "close", list(t, l)[0].ID)
	must(t, l.Notify(t.Context(), tunnel.DestinationToken, "SSH"))
	barrier("second")
	if n := agentLog(t, l, "tunnel opening"); n != 1 || len(list(t, l)) != 0 {
		t.Errorf("%d tunnels were opened for one token, open are %+v", n, list(t, l))
	}
	if n := l.Tunneling.Stats(); n.Handshakes != 2 || n.Refused != 0 { // the device's and the office's
		t.Errorf("%+v at the service, want one handshake of each side", n)
	}
	stays(t, a)
}
