package machine

import (
	"testing"
	"time"

	"edgeagent/internal/lab/rootfs"
)

func TestBootRebootPowerOff(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := off(t, system{Release: release})
		begin := time.Now()
		must(t, m.PowerOn(within(t, testTimeout)))
		t.Logf("booted after %s", time.Since(begin).Round(time.Millisecond))
		if got := sh(t, m, "ps -o comm= -p 1; hostname; systemctl is-system-running"); got != "systemd\ngw-042\nrunning" {
			t.Errorf("the booted system: %q, failed units: %s", got, sh(t, m, "systemctl --failed"))
		}
		sh(t, m, "ping -c1 -W2 203.0.113.10 2>/dev/null || ip -4 -br addr show eth0 | grep -q 192.168.77.2")
		sh(t, m, "echo kept >/root/file; echo gone >/run/file")
		begin = time.Now()
		must(t, m.Reboot(within(t, testTimeout)))
		t.Logf("rebooted after %s", time.Since(begin).Round(time.Millisecond))
		if got := sh(t, m, "cat /root/file; ls /run/file || true"); got != "kept\nls: cannot access '/run/file': No such file or directory" {
			t.Errorf("after the reboot: %q", got)
		}
		must(t, m.PowerOff(within(t, testTimeout)))
		if got, err := m.ReadFile(t.Context(), "/root/file"); got != "kept\n" || err != nil {
			t.Errorf("while it is off: %q, %v", got, err)
		}
	})
}

func TestPowerCutLosesWhatWasNotSynced(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	if why := NoDisk(); why != "" {
		t.Skip(why)
	}
	m := boot(t, system{Release: rootfs.Trixie, Machine: Options{Disk: 64}})
	sh(t, m, "echo synced >/root/synced; sync; echo lost >/root/lost")
	must(t, m.PowerCut(within(t, testTimeout)))
	must(t, m.PowerOn(within(t, testTimeout)))
	if got := sh(t, m, "cat /root/synced; test -s /root/lost && echo not lost; true"); got != "synced" {
		t.Errorf("after the power cut: %q", got)
	}
}
