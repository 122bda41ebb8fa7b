package machine

import (
	"testing"
)

// stays fails the test unless the unit is enabled or not, and active or not, as
// said; when says after what.
func stays(t *testing.T, m *Machine, when, enabled, active string) {
	t.Helper()
	r, err := m.Run(t.Context(), "systemctl", "is-enabled", Unit)
	must(t, err)
	got := firstLine(r.Output)
	if now := property(t, m, Unit, "ActiveState"); got != enabled || now != active {
		t.Errorf("%s: %s and %s, want %s and %s", when, got, now, enabled, active)
	}
}

func TestDisabledStaysDisabled(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		deb := needsDeb(t)
		m := configured(t, system{Release: release}, nil)
		sh(t, m, "systemctl disable --now edgeagent")
		own := resolvConf(t, m)
		install(t, m, repack(t, deb, func(string) {}))
		stays(t, m, "after an upgrade", "disabled", "inactive")
		sh(t, m, "apt-get remove --yes edgeagent")
		install(t, m, deb)
		stays(t, m, "after a reinstallation", "disabled", "inactive")
		must(t, m.Reboot(within(t, testTimeout)))
		stays(t, m, "after a reboot", "disabled", "inactive")
		if got := resolvConf(t, m); got != own {
			t.Errorf("resolv.conf of a disabled agent:\n%s", got)
		}
	})
}

func TestStoppedStaysStoppedAcrossAnUpgrade(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := configured(t, system{Release: "trixie"}, nil)
	sh(t, m, "systemctl stop edgeagent")
	install(t, m, repack(t, needsDeb(t), func(string) {}))
	stays(t, m, "after an upgrade", "enabled", "inactive")
	must(t, m.Reboot(within(t, testTimeout)))
	waitOK(t, m)
}

func TestPresetIsRespected(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := boot(t, system{Release: release})
		sh(t, m, "mkdir -p /etc/systemd/system-preset && echo 'disable edgeagent*' >/etc/systemd/system-preset/10-site.preset")
		install(t, m, needsDeb(t))
		stays(t, m, "after the installation", "disabled", "inactive")
	})
}

func TestMaskedStaysMasked(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		deb := needsDeb(t)
		m := boot(t, system{Release: release})
		sh(t, m, "systemctl mask edgeagent.service")
		install(t, m, deb)
		stays(t, m, "after the installation", "masked", "inactive")
		install(t, m, repack(t, deb, func(string) {}))
		stays(t, m, "after an upgrade", "masked", "inactive")
	})
}
