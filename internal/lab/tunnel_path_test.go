package lab

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// TestTunnelOutlivesTheBrokerButNotTheLink restarts the broker under an ssh session and then
// takes the link away.
func TestTunnelOutlivesTheBrokerButNotTheLink(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	// Other programs are told its address, too: not only a tunnel's way is the link.
	waitRoute(t, l, TunnelingAddr, "dev tun0")
	tunnel := open(t, l, "SSH")
	session, proxy := openSSH(t, tunnel), onlyProxy(t, a)
	before := list(t, l)

	l.StopBroker()
	waitUnusable(t, a, "broker")
	session.say(t, "the broker is gone")
	if c := stage(t, snapshot(t, a), "tunnel"); c.State != status.OK || c.Reason != status.ReasonOpen {
		t.Errorf("without the broker an open tunnel is %s %s", c.State, c.Reason)
	}
	must(t, l.StartBroker(t.Context()))
	waitOK(t, a)
	session.say(t, "the broker is back")
	if now := list(t, l); len(now) != 1 || now[0].ID != before[0].ID || onlyProxy(t, a) != proxy {
		t.Errorf("the tunnel was %+v with proxy %d, is %+v with %v", before, proxy, now, proxies(t, a))
	}

	must(t, l.LinkDown())
	waitUnusable(t, a, "link")
	waitNoProcess(t, proxy)
	waitNoneOf(t, l, "cat")
	waitStage(t, a, "tunnel", status.Waiting, "")
	if left := list(t, l); len(left) > 0 {
		t.Errorf("tunnels without a link: %+v", left)
	}

	must(t, l.LinkUp())
	waitOK(t, a)
	c := waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
	if last := fmt.Sprint(c.Facts["last"]); !strings.Contains(last, "the private path was lost") {
		t.Errorf("the last tunnel is told as %s", last)
	}
	session.waitEnd(t)
	tunnel = open(t, l, "SSH")
	run(t, tunnel)
	clean(t, l, "losing broker and link under a tunnel")
}

// waitNoneOf waits until the device runs no program of that name: the far end
// of an ssh session is gone, and not only the way to it.
func waitNoneOf(t *testing.T, l *Lab, name string) {
	t.Helper()
	must(t, Poll(within(t, testTimeout), readyEvery, func() error {
		pids, err := l.Device.Processes(name)
		if err == nil && len(pids) > 0 {
			err = fmt.Errorf("%s still runs as %v", name, pids)
		}
		return err
	}))
}

// waitRoute waits until the kernel sends what is for addr by a device.
func waitRoute(t *testing.T, l *Lab, addr netip.Addr, device string) {
	t.Helper()
	must(t, Poll(within(t, testTimeout), readyEvery, func() error {
		out, err := l.Device.Run(t.Context(), "ip", "route", "get", addr.String())
		if err == nil && !strings.Contains(out, device) {
			err = fmt.Errorf("%s is reached by %s", addr, out)
		}
		return err
	}))
}
