package machine

import (
	"strings"
	"testing"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/rootfs"
)

func TestKilledDaemonIsBackAndNothingLeaks(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := configured(t, system{Release: release}, nil)
		pid := property(t, m, Unit, "MainPID")
		sh(t, m, "kill -KILL "+pid)
		// The unit is down now and its stub's sockets are kept: whoever asks waits.
		lookupsUntilBack(t, m, pid)
		waitOK(t, m)
		privateOnly(t, m)
		if got := property(t, m, Unit, "NRestarts"); got != "1" {
			t.Errorf("NRestarts: %s", got)
		}
		neverInTheOpen(t, m)
	})
}

// lookupsUntilBack has the operating system look names up until the daemon runs
// in another process than pid and its whole path is up: ordinary names work all
// the time, private ones have private addresses or none.
func lookupsUntilBack(t *testing.T, m *Machine, pid string) {
	t.Helper()
	ctx, asked := within(t, agentTimeout), 0
	for ; ctx.Err() == nil; asked++ {
		for _, addr := range addresses(t, m, lab.EndpointHost) {
			if !strings.HasPrefix(addr, "10.0.") {
				t.Errorf("%s was %s for other programs meanwhile", lab.EndpointHost, addr)
			}
		}
		if got := addresses(t, m, lab.OrdinaryHost); len(got) == 0 {
			t.Errorf("%s had no address meanwhile", lab.OrdinaryHost)
		}
		if property(t, m, Unit, "MainPID") == pid {
			continue
		}
		if s, err := m.Peek(ctx); err == nil && s.State == "ok" {
			break
		}
	}
	t.Logf("%d lookups of either name while the daemon was away", asked)
}

func TestHungDaemonIsRestartedByTheWatchdog(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := installed(t, system{Release: rootfs.Trixie})
	const dropIn = "/etc/systemd/system/edgeagent.service.d/watchdog.conf"
	sh(t, m, "mkdir -p /etc/systemd/system/edgeagent.service.d")
	must(t, m.WriteFile(t.Context(), dropIn, "[Service]\nWatchdogSec=3\n"))
	configure(t, m, nil)
	sh(t, m, "systemctl daemon-reload && systemctl restart edgeagent")
	waitOK(t, m)
	pid := property(t, m, Unit, "MainPID")
	if got := property(t, m, Unit, "NRestarts"); got != "0" {
		t.Fatalf("the watchdog has killed a healthy daemon: NRestarts %s", got)
	}
	sh(t, m, "kill -STOP "+pid)
	must(t, m.WaitProperty(within(t, testTimeout), Unit, "NRestarts", "1"))
	if _, err := m.WaitLine(within(t, testTimeout), Unit, "Watchdog timeout"); err != nil {
		t.Error(err)
	}
	waitOK(t, m)
	privateOnly(t, m)
	neverInTheOpen(t, m)
}

func TestKilledOpenVPNIsBack(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := configured(t, system{Release: rootfs.Bookworm}, nil)
	sh(t, m, "pkill -KILL -x openvpn")
	if _, err := m.WaitLine(within(t, testTimeout), Unit, "OpenVPN ended"); err != nil {
		t.Error(err)
	}
	waitOK(t, m)
	if got := property(t, m, Unit, "NRestarts"); got != "0" {
		t.Errorf("the daemon went with its OpenVPN: NRestarts %s", got)
	}
	neverInTheOpen(t, m)
}

func TestStopEndsEverythingAndRestoresDNS(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := configured(t, system{Release: rootfs.Bookworm}, nil)
	for i := range 5 {
		sh(t, m, "systemctl stop edgeagent")
		if got := resolvConf(t, m); got != m.lab.ResolvConf() {
			t.Fatalf("stop %d: resolv.conf:\n%s", i, got)
		}
		if got := sh(t, m, "pgrep -l openvpn; pgrep -l edgeagent; ip -br link show type tun; true"); got != "" {
			t.Fatalf("stop %d: left behind: %s", i, got)
		}
		sh(t, m, "systemctl start edgeagent")
	}
	waitOK(t, m)
	neverInTheOpen(t, m)
}

func TestRestartNeverHandsPrivateNamesOut(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := configured(t, system{Release: release}, nil)
		for range 3 {
			pid := property(t, m, Unit, "MainPID")
			sh(t, m, "systemctl --no-block restart edgeagent")
			lookupsUntilBack(t, m, pid)
		}
		neverInTheOpen(t, m)
	})
}
