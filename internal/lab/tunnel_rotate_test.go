package lab

import (
	"slices"
	"testing"

	"edgeagent/internal/lab/tunneling"
)

// TestTunnelRotation gives one of two tunnels a new token, first with its
// sides left alone and then with both kicked out, as AWS might do.
func TestTunnelRotation(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: bothServices(nil)})
	serveVNC(t, l, flipper)
	other := open(t, l, "SSH")
	session, itsProxy := openSSH(t, other), onlyProxy(t, a)
	itsID := list(t, l)[0].ID
	rotated := open(t, l, "VNC")
	flipped(t, dial(t, rotated, "VNC"), []byte("before"))

	for _, kick := range []bool{false, true} {
		before := vncTunnel(t, l)
		next, err := rotated.Rotate(within(t, testTimeout), kick)
		must(t, err)
		after := waitList(t, l, "two, one of them new", func(list []listed) bool {
			return len(list) == 2 && !slices.ContainsFunc(list, func(o listed) bool { return o.ID == before.ID || o.State != "open" })
		})
		if after[0].ID != itsID {
			t.Errorf("kick %t: the tunnel that nobody rotated is gone: %+v", kick, after)
		}
		if n := agentLog(t, l, `reason="replaced by a new token`); n == 0 && !kick {
			t.Error("the agent itself did not end the tunnel of the old token")
		}
		rotated = next
		flipped(t, dial(t, rotated, "VNC"), []byte("after"))
		session.say(t, "nobody has touched this session")
		if pids := proxies(t, a); len(pids) != 2 || !slices.Contains(pids, itsProxy) {
			t.Errorf("kick %t: proxies %v, want two, with %d among them", kick, pids, itsProxy)
		}
	}
	waitIdle(t, a, other, rotated)
	stays(t, a)
	if n := l.Tunneling.Stats().Violations; n != 0 {
		t.Errorf("the service has seen %d violations of its protocol", n)
	}
	clean(t, l, "rotating tokens")
}

func vncTunnel(t *testing.T, l *Lab) listed {
	t.Helper()
	all := list(t, l)
	i := slices.IndexFunc(all, func(o listed) bool { return slices.Equal(o.Services, []string{"VNC"}) })
	if i < 0 {
		t.Fatalf("no tunnel for VNC: %+v", all)
	}
	return all[i]
}

// TestTunnelRefusedRotationKeepsTheOld has the new token refused: the tunnel that works stays.
func TestTunnelRefusedRotationKeepsTheOld(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	tunnel := open(t, l, "SSH")
	session, proxy := openSSH(t, tunnel), onlyProxy(t, a)
	unknown := tunneling.NewService(tunneling.Options{}).Open("SSH")
	must(t, l.Notify(t.Context(), unknown.DestinationToken, "SSH"))
	waitDetail(t, a, "the service refuses the token")
	session.say(t, "still here")
	if now := onlyProxy(t, a); now != proxy {
		t.Errorf("the proxy is %d, was %d", now, proxy)
	}
	waitIdle(t, a, tunnel)
}
