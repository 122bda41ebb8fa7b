package lab

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/status"
)

func TestTunnelServiceRefuses(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	l.Tunneling.Refuse(http.StatusForbidden, 1)
	notified(t, l, "SSH")
	c := waitStage(t, a, "tunnel", status.Degraded, status.ReasonRefused)
	if !strings.Contains(c.Detail, "the service refuses the token") || !strings.Contains(c.Detail, "403") {
		t.Errorf("the detail does not say that the service answered 403: %s", c.Detail)
	}
	wantHint(t, a, "open the tunnel again or rotate its tokens")
	if n := l.Tunneling.Stats(); n.Refused != 1 {
		t.Errorf("%d handshakes refused, want one: a 403 is final", n.Refused)
	}
	waitList(t, l, "none", func(list []listed) bool { return len(list) == 0 })
	stays(t, a)

	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitStage(t, a, "tunnel", status.OK, status.ReasonOpen)
	waitIdle(t, a, tunnel)
	waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
}

// TestTunnelServiceFails also shows that all attempts are made by one process:
// it has the token's client token, and status tells of it meanwhile.
func TestTunnelServiceFails(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	l.Tunneling.Refuse(http.StatusInternalServerError, 2)
	notified(t, l, "SSH")
	waitList(t, l, "told of the 500", func(list []listed) bool {
		return len(list) == 1 && list[0].State == "connecting" && strings.Contains(list[0].Detail, "500") &&
			strings.Contains(list[0].Detail, "again in")
	})
	proxy := onlyProxy(t, a)
	stays(t, a)
	waitList(t, l, "open", func(list []listed) bool { return len(list) == 1 && list[0].State == "open" && list[0].Detail == "" })
	if n := l.Tunneling.Stats(); n.Refused != 2 || n.Handshakes != 1 {
		t.Errorf("%+v at the service, want two handshakes refused and one accepted", n)
	}
	if now := onlyProxy(t, a); now != proxy {
		t.Errorf("the proxy is %d, was %d", now, proxy)
	}
	waitStage(t, a, "tunnel", status.OK, status.ReasonOpen)
}

// TestTunnelServiceHalfOpen has one tunnel's connection go silent: it is
// noticed by two missed pings and made anew, and another tunnel is not touched,
// though nobody types in its ssh session for all that time.
func TestTunnelServiceHalfOpen(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: bothServices(nil)})
	serveVNC(t, l, flipper)
	other := open(t, l, "SSH")
	session := openSSH(t, other)
	_, wire, err := l.Wire(within(t, testTimeout), "VNC")
	must(t, err)
	start := tunneling.Message{Kind: tunneling.StreamStart, Stream: 1, Service: "VNC", Connection: 1}
	data := tunneling.Message{Kind: tunneling.Data, Stream: 1, Service: "VNC", Connection: 1, Payload: []byte("x")}
	must(t, wire.Send(t.Context(), start, data))
	_, err = wire.Receive(within(t, testTimeout))
	must(t, err)
	pids := proxies(t, a)
	must(t, wire.Freeze())

	both := waitList(t, l, "told of the silence", func(list []listed) bool {
		return len(list) == 2 && list[1].State == "connecting" && strings.Contains(list[1].Detail, "the service went silent")
	})
	if both[0].State != "open" {
		t.Errorf("the other tunnel is %+v", both[0])
	}
	must(t, wire.Connected(within(t, testTimeout)))
	waitList(t, l, "both open", func(list []listed) bool {
		return len(list) == 2 && list[0].State == "open" && list[1].State == "open"
	})
	must(t, wire.Send(t.Context(), start, data))
	m, err := wire.Receive(within(t, testTimeout))
	must(t, err)
	if m.Kind != tunneling.Data || len(m.Payload) != 1 || m.Payload[0] != 'x'^0x5a {
		t.Errorf("after the silence the device sends %s %q", m, m.Payload)
	}
	session.say(t, "nobody has touched this session")
	if now := proxies(t, a); !slices.Equal(now, pids) {
		t.Errorf("proxies %v, were %v", now, pids)
	}
	stays(t, a)
}
