package lab

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

// leftovers is what an agent that is gone must not have left on the device.
func leftovers(t *testing.T, l *Lab) []string {
	t.Helper()
	var left []string
	pids, err := l.Device.Processes("openvpn")
	must(t, err)
	if len(pids) > 0 {
		left = append(left, "an openvpn process")
	}
	if got := resolvConf(t, l); got != l.ResolvConf() {
		left = append(left, "resolv.conf: "+got)
	}
	links, err := l.Device.Run(t.Context(), "ip", "-brief", "link")
	must(t, err)
	if strings.Contains(links, "tun") {
		left = append(left, "a tun device")
	}
	routes, err := l.Device.Run(t.Context(), "ip", "route", "show", "table", "all", "type", "unicast")
	must(t, err)
	if strings.Contains(routes, "10.0.") {
		left = append(left, "routes: "+routes)
	}
	return left
}

func TestStopRestoresDNSWithin10s(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	if resolvConf(t, l) == l.ResolvConf() {
		t.Fatal("the agent has not pointed the device at its stub")
	}
	t.Logf("stopped in %s", a.Stop()) // by SIGKILL after 10 s, which Err shows
	if err := a.Err(); err != nil {
		t.Errorf("the agent ended with %v, want exit code 0 within 10 s", err)
	}
	if left := leftovers(t, l); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "; "))
	}
	clean(t, l, "stopping")
}

// TestStopSaysGoodbyeToTheBroker wants the DISCONNECT to arrive, not only to be
// sent: the link must not go before it. Without it the broker keeps a dead
// session for 345 s and sends the last will.
func TestStopSaysGoodbyeToTheBroker(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	a.Stop()
	waitBrokerLog(t, l, "Received DISCONNECT from "+Thing)
}

func TestKillDashNineLeavesNothingStale(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	a.Kill()
	b := startAgent(t, l)
	waitOK(t, b)
	only(t, l, "openvpn")
	clean(t, l, "killed and started again")
	b.Stop()
	if left := leftovers(t, l); len(left) > 0 {
		t.Errorf("left behind: %s", strings.Join(left, "; "))
	}
}

func TestResolverRestoreAfterKillDashNine(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	a.Kill()
	_, code, err := l.Edgeagent(t.Context(), os.Getenv(BinEnv), "resolver", "restore", "--config", l.ConfigFile(), "--runtime-dir", l.RuntimeDir())
	must(t, err)
	if got := resolvConf(t, l); code != 0 || got != l.ResolvConf() {
		t.Errorf("exit code %d, resolv.conf:\n%s\nwant 0 and:\n%s", code, got, l.ResolvConf())
	}
}

func TestStatusDaemonDown(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	bin := os.Getenv(BinEnv)
	socket := l.path("device", "run", "control.sock")
	check := func(t *testing.T, what string) {
		for _, args := range [][]string{{"status"}, {"status", "--json"}} {
			out, code, err := l.Edgeagent(t.Context(), bin, args...)
			must(t, err)
			if code != exitNoDaemon {
				t.Errorf("%s: %v ends with %d, want %d:\n%s", what, args, code, exitNoDaemon, out)
			}
		}
	}
	check(t, "never started")

	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	must(t, err)
	stale.SetUnlinkOnClose(false)
	must(t, stale.Close())
	check(t, "stale socket")

	a := startAgent(t, l)
	waitOK(t, a)
	must(t, a.cmd.Process.Signal(syscall.SIGKILL))
	<-a.Done()
	check(t, "killed")
}

func TestStatusWithoutRoot(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{})
	program, err := os.ReadFile(os.Getenv(BinEnv))
	must(t, err)
	everyones := l.path("device", "edgeagent")
	must(t, os.WriteFile(everyones, program, 0o755))
	const nobody = "65534"
	_, err = l.Device.Run(t.Context(), "setpriv", "--reuid", nobody, "--regid", nobody, "--clear-groups",
		everyones, "status", "--runtime-dir", l.RuntimeDir())
	if err != nil {
		t.Errorf("status for everyone: %v", err)
	}
}

func TestSecondDaemonIsRefused(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	second := startAgent(t, l)
	if err := second.Err(); err == nil {
		t.Error("a second daemon took over the running one's socket")
	}
	if _, err := a.Peek(t.Context()); errors.Is(err, ErrNoDaemon) {
		t.Errorf("the first daemon is gone: %v", err)
	}
}
