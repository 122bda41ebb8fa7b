package machine

import (
	"strings"
	"testing"

	"edgeagent/internal/lab/rootfs"
	"edgeagent/internal/status"
)

func TestDiskFullAtBoot(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	needsDisk(t)
	m := configured(t, system{Release: rootfs.Trixie, Machine: Options{Disk: 128}}, nil)
	must(t, m.PowerOff(within(t, testTimeout)))
	sh(t, m, "rm -rf /var/lib/edgeagent/*") // so that there is something to save
	free, err := m.DiskFull(t.Context())
	must(t, err)
	must(t, m.PowerOn(within(t, testTimeout)))
	if _, err := m.WaitStage(within(t, agentTimeout), "broker", status.OK, ""); err != nil {
		t.Fatal(err)
	}
	said, err := m.Run(t.Context(), "journalctl", "--no-pager", "--unit", Unit)
	must(t, err)
	screen, err := m.Run(t.Context(), "edgeagent", "status")
	must(t, err)
	t.Logf("with a full disk:\n%s", screen.Output)
	if !strings.Contains(said.Output+screen.Output, "no space left") {
		t.Errorf("nothing says that the disk is full: %s\n%s", screen.Output, lastLines(said.Output, 20))
	}
	must(t, free())
	sh(t, m, "systemctl restart edgeagent")
	waitOK(t, m)
	privateOnly(t, m)
	sh(t, m, "systemctl stop edgeagent")
	if got := resolvConf(t, m); got != m.lab.ResolvConf() {
		t.Errorf("resolv.conf afterwards:\n%s", got)
	}
	neverInTheOpen(t, m)
}

func TestDiskFullWhileRunning(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	needsDisk(t)
	m := configured(t, system{Release: rootfs.Bookworm, Machine: Options{Disk: 128}}, nil)
	free, err := m.DiskFull(t.Context())
	must(t, err)
	pid := property(t, m, Unit, "MainPID")
	must(t, m.lab.Unplug())
	must(t, m.lab.Plug())
	sh(t, m, "systemctl stop edgeagent")
	if got := resolvConf(t, m); got != m.lab.ResolvConf() {
		t.Errorf("resolv.conf after a stop with a full disk:\n%s", got)
	}
	if pid == "0" {
		t.Error("the daemon did not run when the disk was full")
	}
	must(t, free())
	sh(t, m, "systemctl start edgeagent")
	waitOK(t, m)
	neverInTheOpen(t, m)
}

func TestReadOnlyRoot(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := configured(t, system{Release: release}, nil)
		must(t, m.PowerOff(within(t, testTimeout)))
		m.ReadOnly = true
		must(t, m.PowerOn(within(t, testTimeout)))
		if r, err := m.Shell(t.Context(), "touch /etc/x /usr/x || touch /var/lib/x"); err != nil || r.Code != 0 || strings.Count(r.Output, "Read-only") != 2 {
			t.Fatalf("the root is not as the test wants it: %v, %+v", err, r)
		}
		if _, err := m.WaitStage(within(t, agentTimeout), "broker", status.OK, ""); err != nil {
			t.Fatal(err)
		}
		screen, err := m.Run(t.Context(), "edgeagent", "status")
		must(t, err)
		t.Logf("with a read-only root:\n%s", screen.Output)
		if !strings.Contains(screen.Output, "read-only") {
			t.Errorf("status does not say why other programs do not ask the agent:\n%s", screen.Output)
		}
		neverInTheOpen(t, m)
	})
}
