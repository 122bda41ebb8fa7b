package machine

import (
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/lab/rootfs"
	"edgeagent/internal/modem"
	"edgeagent/internal/status"
)

// recoverEnv makes TestRecoverInside do its work: inside a machine, as the
// daemon's user.
const recoverEnv = "EDGEAGENT_RECOVER_INSIDE"

const recoverConfig = `device: {thing: gw-042, region: ap-northeast-1}
links:
  - {name: canal, type: interface, interface: ppp0, unit: dialler.service}
endpoint: {host: a1b2c3d4e5f6g7-ats.iot.ap-northeast-1.amazonaws.com}
`

const diallerUnit = "[Service]\nExecStart=/bin/sleep infinity\n"

// The daemon's user brings links back over the real NetworkManager, systemd and
// polkit: what it may do works, what it may not is refused by root's helper.
func TestRecoveryOverTheRealBus(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := installed(t, system{Release: release, HostMode: rootfs.NetworkManager})
		must(t, m.WriteFile(t.Context(), "/etc/edgeagent/edgeagent.yaml", recoverConfig))
		must(t, m.WriteFile(t.Context(), "/etc/systemd/system/dialler.service", diallerUnit))
		must(t, m.Push(t.Context(), os.Args[0], "/usr/local/bin/inside", "root:root", "0755"))
		sh(t, m, "systemctl daemon-reload; systemctl start dialler NetworkManager; "+
			"ip link add ppp0 type veth peer name far0; ip link set far0 up; "+
			"nmcli connection add type ethernet ifname ppp0 con-name soracom autoconnect no ip4 10.201.0.2/32; "+
			"nmcli connection add type ethernet ifname nosuch0 con-name broken autoconnect no")
		before := property(t, m, "dialler.service", "MainPID")
		out, err := m.Check(within(t, testTimeout), "runuser", "-u", "edgeagent", "--",
			"env", recoverEnv+"=1", "/usr/local/bin/inside", "-test.v", "-test.run=^TestRecoverInside$")
		if err != nil || !strings.Contains(out, "--- PASS: TestRecoverInside") {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := sh(t, m, "ip -4 -o addr show dev ppp0"); !strings.Contains(got, "10.201.0.2") {
			t.Errorf("ppp0: %s", got)
		}
		if after := property(t, m, "dialler.service", "MainPID"); after == before || after == "0" {
			t.Errorf("the dialler was not restarted: process %s, then %s", before, after)
		}
		if m.Boots() != 1 {
			t.Errorf("booted %d times", m.Boots())
		}
	})
}

// TestRecoverInside runs in the machine.
func TestRecoverInside(t *testing.T) {
	if os.Getenv(recoverEnv) == "" {
		t.Skip("run by TestRecoveryOverTheRealBus, inside its machine")
	}
	if os.Geteuid() == 0 {
		t.Fatal("root may do everything: nothing would be shown")
	}
	rescue := func(l config.Link) *modem.Rescue {
		l.Type, l.Interface = config.LinkInterface, []string{"ppp0"}
		o := modem.Options{Link: l, Recovery: config.Default().Recovery, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
		o.Recovery.Reboot, o.Recovery.CellularReboot = true, 1
		r := modem.New(o)
		t.Cleanup(r.Close)
		return r
	}
	t.Run("activate", func(t *testing.T) {
		r := rescue(config.Link{Name: "canal", Connection: "soracom"})
		if got := r.Rungs(t.Context()); !slices.Equal(got, []string{"activate", "reboot"}) {
			t.Errorf("rungs %v", got)
		}
		for range 2 { // and again, as when the path is dead though the connection is up
			must(t, r.Do(t.Context(), "activate"))
		}
		if got := r.Facts(t.Context())["connection_state"]; got != "activated" {
			t.Errorf("connection_state %v", got)
		}
	})
	t.Run("connection without a device", func(t *testing.T) {
		err := rescue(config.Link{Name: "canal", Connection: "broken"}).Do(t.Context(), "activate")
		if err == nil || !strings.Contains(err.Error(), "asking NetworkManager for ActivateConnection") || errors.Is(err, modem.ErrDenied) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no such connection", func(t *testing.T) {
		reason, detail, _, _ := rescue(config.Link{Name: "canal", Connection: "sorakom"}).Permanent(t.Context())
		if reason != status.ReasonConnectionMissing || !strings.Contains(detail, "broken") || !strings.Contains(detail, "soracom") {
			t.Errorf("%q, %q", reason, detail)
		}
	})
	t.Run("no such unit", func(t *testing.T) {
		reason, detail, _, _ := rescue(config.Link{Name: "canal", Unit: "dialer.service"}).Permanent(t.Context())
		if reason != status.ReasonUnitMissing || !strings.Contains(detail, "there are: dialler.service") {
			t.Errorf("%q, %q", reason, detail)
		}
	})
	t.Run("unit", func(t *testing.T) {
		r := rescue(config.Link{Name: "canal", Unit: "dialler.service"})
		if _, _, _, ok := r.Permanent(t.Context()); ok {
			t.Error("refused")
		}
		must(t, r.Do(t.Context(), "activate"))
	})
	for name, rung := range map[string]string{"ghost": "activate", "canal": "reboot"} {
		t.Run("root refuses "+rung+" of "+name, func(t *testing.T) {
			err := rescue(config.Link{Name: name, Unit: "ssh.service"}).Do(t.Context(), rung)
			var job *modem.JobError
			if !errors.As(err, &job) || job.Result != "failed" {
				t.Errorf("got %v", err)
			}
		})
	}
}
