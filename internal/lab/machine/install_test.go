package machine

import (
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

func TestInstallConfigureReboot(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := installed(t, system{Release: release})
		notConfigured(t, m, "0")
		pid := property(t, m, Unit, "MainPID")

		configure(t, m, nil)
		figure(t, "configured to connected, "+release, waitOK(t, m))
		if got := property(t, m, Unit, "MainPID"); got != pid || property(t, m, Unit, "NRestarts") != "0" {
			t.Errorf("the unit was restarted: process %s was %s", got, pid)
		}
		privateOnly(t, m)

		must(t, m.Reboot(within(t, testTimeout)))
		waitOK(t, m)
		figure(t, "unit started to MQTT connected after a reboot, "+release, sinceStart(t, m))
		privateOnly(t, m)

		begin := time.Now()
		sh(t, m, "systemctl stop edgeagent")
		if got := resolvConf(t, m); got != m.lab.ResolvConf() {
			t.Errorf("resolv.conf after the stop:\n%s", got)
		}
		figure(t, "stop to DNS restored, "+release, time.Since(begin))
		neverInTheOpen(t, m)
	})
}

// notConfigured checks what a person sees between installing and configuring,
// of a unit that systemd has started anew so many times.
func notConfigured(t *testing.T, m *Machine, restarts string) {
	t.Helper()
	must(t, m.WaitProperty(within(t, testTimeout), Unit, "NRestarts", restarts))
	must(t, m.WaitActive(within(t, testTimeout), Unit))
	if got := property(t, m, Unit, "StatusText"); !strings.Contains(got, "fill in device.thing") {
		t.Errorf("systemctl status says %q", got)
	}
	r, err := m.Run(t.Context(), "edgeagent", "status")
	if must(t, err); r.Code != 1 || !strings.Contains(r.Output, "NOT CONFIGURED") || !strings.Contains(r.Output, "fill in device.thing") {
		t.Errorf("edgeagent status: exit code %d:\n%s", r.Code, r.Output)
	}
	if got := resolvConf(t, m); got != m.lab.ResolvConf() {
		t.Errorf("resolv.conf before there is a configuration:\n%s", got)
	}
	if got := addresses(t, m, lab.OrdinaryHost); len(got) == 0 {
		t.Errorf("no %s before there is a configuration", lab.OrdinaryHost)
	}
	if got := property(t, m, Unit, "NRestarts"); got != restarts {
		t.Errorf("a unit that waits for its configuration restarts: %s times, %s at first", got, restarts)
	}
}

// sinceStart returns how long after its process started the agent's MQTT
// session was there.
func sinceStart(t *testing.T, m *Machine) time.Duration {
	t.Helper()
	s, err := m.Peek(t.Context())
	must(t, err)
	broker, ok := s.Stage("broker")
	if !ok {
		t.Fatalf("no broker in %+v", s)
	}
	started, err := m.UnitStarted(t.Context())
	must(t, err)
	return broker.Since.Sub(started)
}
