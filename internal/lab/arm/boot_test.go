package arm

import (
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// TestPowerOnPathUpPowerCut boots a 64-bit kernel with userland of either
// architecture. Nobody touches the board between power on and the path.
func TestPowerOnPathUpPowerCut(t *testing.T) {
	asked(t, "boot", "test-arm-boot")
	for _, arch := range Architectures() {
		t.Run(arch.Deb, func(t *testing.T) {
			g := newGateway(t, arch, Virt())
			stop, err := ServeTime(g.lab, g.berth)
			must(t, err)
			defer stop()
			first := g.boots(t, arch.Deb+" first boot")
			g.memory(t, arch.Deb)
			g.tunnels(t, arch)

			g.vm.PowerCut()
			if second := g.boots(t, arch.Deb+" after the power cut"); second == first {
				t.Error("it is the same boot: nothing was cut")
			}
			g.clean(t)
		})
	}
}

// boots switches the power on, waits for the path and returns the boot's id.
func (g *gateway) boots(t *testing.T, what string, more ...string) string {
	t.Helper()
	before := g.sessions(t)
	g.powerUp(t, more...)
	g.connected(t, before)
	up := time.Since(g.vm.PowerOn)
	s := g.waitStatus(t, allOK)
	figure(t, "%s: power on to service active %.1f s, to path up %.1f s", what, g.active(t).Seconds(), up.Seconds())
	if s.Device != lab.Thing {
		t.Errorf("the device is %s", s.Device)
	}
	if state := g.ssh(t, "systemctl is-active edgeagent"); state != "active" {
		t.Errorf("the service is %s", state)
	}
	// systemd breaks such a circle at will: another boot may lack the service.
	if circle := g.ssh(t, "journalctl --boot --no-pager | grep 'ordering cycle' || true"); circle != "" {
		t.Error(circle)
	}
	return g.ssh(t, "cat /proc/sys/kernel/random/boot_id")
}

// tunnels opens a tunnel as the office does and works through it.
func (g *gateway) tunnels(t *testing.T, arch Arch) {
	t.Helper()
	tunnel, err := g.lab.OpenTunnel(within(t, bootTimeout), "SSH")
	must(t, err)
	figure(t, "%s: notification to tunnel %.1f s", arch.Deb, tunnel.Connected.Sub(tunnel.Notified).Seconds())
	out, err := tunnel.SSH(within(t, bootTimeout), "uname -m; dpkg --print-architecture")
	must(t, err)
	if want := arch.Machine + "\n" + arch.Deb + "\n"; out != want {
		t.Errorf("at the tunnel's end is %q, want %q", out, want)
	}
	must(t, tunnel.Close())
	g.waitStatus(t, func(s status.Snapshot) bool {
		c, _ := s.Stage("tunnel")
		return c.Reason == status.ReasonIdle
	})
}
