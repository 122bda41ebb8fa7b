package machine

import (
	"strings"
	"testing"

	"edgeagent/internal/lab/rootfs"
)

func TestExposureOfTheUnitIsAtMostThree(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := installed(t, system{Release: release})
		// The threshold is in tenths. The last line says the figure.
		r, err := m.Run(t.Context(), "systemd-analyze", "security", "--no-pager", "--threshold=30", Unit)
		must(t, err)
		t.Logf("FIGURE %s, %s", strings.TrimSpace(lastLines(r.Output, 1)), release)
		if r.Code != 0 {
			t.Errorf("exit code %d:\n%s", r.Code, r.Output)
		}
	})
}

func TestDaemonRunsAsItsUserWithThreeCapabilities(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := configured(t, system{Release: release}, nil)
		pid := property(t, m, Unit, "MainPID")
		if got := sh(t, m, "ps -o user= -p "+pid); got != "edgeagent" {
			t.Errorf("the daemon runs as %s", got)
		}
		// CAP_NET_ADMIN 12, CAP_NET_RAW 13, CAP_NET_BIND_SERVICE 10; see capabilities(7).
		const want = "0000000000003400"
		if got := sh(t, m, "sed -n 's/^Cap\\(Eff\\|Bnd\\):\t//p' /proc/"+pid+"/status"); got != want+"\n"+want {
			t.Errorf("effective and bounding set: %s", got)
		}
		for _, unit := range []string{Unit, "edgeagent-resolver.path"} {
			if _, err := m.Check(t.Context(), "systemd-analyze", "verify", "--man=no", unit); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestPolkitAllowsExactlyTheCallsUsed(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := installed(t, system{Release: release, HostMode: rootfs.Plain})
		for _, call := range []struct {
			verb, unit string
			allowed    bool
		}{
			{"start", "edgeagent-recover@unit:canal.service", true},
			{"start", "edgeagent-recover@reboot:vpn.service", true},
			{"start", "edgeagent-recover@modem-manager:canal-2_a.service", true},
			{"start", "edgeagent-recover@usb:canal.service", true},
			{"stop", "edgeagent-recover@unit:canal.service", false},
			{"restart", "edgeagent-recover@unit:canal.service", false},
			{"start", "edgeagent-recover@anything:canal.service", false},
			{"start", "edgeagent-recover@unit:a:b.service", false},
			{"start", "ssh.service", false},
			{"restart", "edgeagent.service", false},
			{"start", "reboot.target", false},
		} {
			r, err := m.Run(within(t, testTimeout), "runuser", "-u", "edgeagent", "--",
				"systemctl", "--no-ask-password", "--no-block", call.verb, call.unit)
			must(t, err)
			if (r.Code == 0) != call.allowed {
				t.Errorf("systemctl %s %s as edgeagent: exit code %d: %s", call.verb, call.unit, r.Code, r.Output)
			}
		}
		for _, command := range []string{"systemctl reboot", "systemctl daemon-reload", "systemctl enable ssh", "hostnamectl set-hostname x"} {
			r, err := m.Run(within(t, testTimeout), "runuser", "-u", "edgeagent", "--", "sh", "-c", command+" --no-ask-password")
			if must(t, err); r.Code == 0 {
				t.Errorf("%s as edgeagent was allowed: %s", command, r.Output)
			}
		}
		if m.Boots() != 1 {
			t.Error("the machine has rebooted")
		}
	})
}
