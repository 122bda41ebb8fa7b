package check

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// device makes files below a directory that stands for the device's root.
func device(t *testing.T, files map[string]string) *examination {
	t.Helper()
	root := t.TempDir()
	for name, content := range files {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return newExamination(Options{Root: root, StateDir: "/var/lib/edgeagent", RuntimeDir: "/run/edgeagent"})
}

// want compares an outcome with a state and words of its finding.
func want(t *testing.T, what string, got outcome, state State, words string) {
	t.Helper()
	if said := got.finding.in(english()); got.state != state || !strings.Contains(said, words) {
		t.Errorf("%s: %s %q, want %s %q", what, got.state, said, state, words)
	}
	if (state == Error || state == Warning) && got.fix == nil {
		t.Errorf("%s: nothing to do is named", what)
	}
}

func TestPower(t *testing.T) {
	const firmware = "sys/devices/platform/soc/soc:firmware/get_throttled"
	const heat = "sys/class/thermal/thermal_zone0/temp"
	for _, tc := range []struct {
		name  string
		files map[string]string
		state State
		words string
	}{
		{"no Pi", nil, Skipped, "no sensors"},
		{"well", map[string]string{firmware: "0\n", heat: "51200\n"}, OK, "51 C"},
		{"under-voltage now", map[string]string{firmware: "50005\n"}, Error, "under-voltage now"},
		{"under-voltage before", map[string]string{firmware: "0x50000\n"}, Warning, "since the boot"},
		{"hot by firmware", map[string]string{firmware: "8\n", heat: "82000\n"}, Warning, "82 C"},
		{"hot by sensor", map[string]string{heat: "85000\n"}, Warning, "85 C"},
		{"driver's alarm", map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1\n"}, Error, "under-voltage now"},
		{"driver's rest", map[string]string{"sys/class/hwmon/hwmon1/name": "rpi_volt\n", "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "0\n"}, OK, "no under-voltage"},
		{"another driver", map[string]string{"sys/class/hwmon/hwmon0/name": "cpu_thermal\n", "sys/class/hwmon/hwmon0/in0_lcrit_alarm": "1\n"}, Skipped, "no sensors"},
		{"garbage", map[string]string{firmware: "zz\n"}, Skipped, "no sensors"},
	} {
		want(t, tc.name, checkPower(t.Context(), device(t, tc.files)), tc.state, tc.words)
	}
}

func TestClock(t *testing.T) {
	x := device(t, map[string]string{"var/lib/edgeagent/last-time": "2100-01-01T00:00:00Z\n"})
	want(t, "a later time has been", checkClock(t.Context(), x), Error, "2100-01-01 00:00 UTC has already been")

	x = device(t, nil)
	x.o.Build = time.Now().Add(time.Hour)
	want(t, "before the build", checkClock(t.Context(), x), Error, "before this program was built")

	x = device(t, map[string]string{"var/lib/edgeagent/last-time": "garbage"})
	if got := checkClock(t.Context(), x); got.state == Error {
		t.Errorf("a damaged file: %+v", got)
	}
}

func TestDiskErrors(t *testing.T) {
	x := device(t, map[string]string{"sys/fs/ext4/mmcblk0p2/errors_count": "3\n", "sys/fs/ext4/sda1/errors_count": "0\n"})
	want(t, "a failing card", checkDisk(t.Context(), x), Warning, "mmcblk0p2 has errors")
	want(t, "a good one", checkDisk(t.Context(), device(t, nil)), OK, "MB free")
}

func TestAnnouncedPortal(t *testing.T) {
	x := device(t, map[string]string{"run/systemd/netif/links/2": "ADMIN_STATE=configured\nCAPTIVE_PORTAL=https://portal.example/\n"})
	want(t, "DHCP option 114", checkPortal(t.Context(), x), Warning, "https://portal.example/")
}

func TestConflicts(t *testing.T) {
	stat := func(pid, name, parent string) string { return pid + " (" + name + ") S " + parent + " 1 1 0" }
	ours := map[string]string{
		"proc/1/stat": stat("1", "systemd", "0"), "proc/1/cmdline": "/sbin/init\x00",
		"proc/10/stat": stat("10", "edgeagent", "1"), "proc/10/cmdline": "/usr/bin/edgeagent\x00run\x00",
		"proc/11/stat": stat("11", "a) b (c", "10"), "proc/11/cmdline": "/usr/sbin/openvpn\x00--config\x00",
		"proc/version": "Linux",
	}
	want(t, "the agent's own", checkConflicts(t.Context(), device(t, ours)), OK, "none")
	ours["proc/20/stat"], ours["proc/20/cmdline"] = stat("20", "openvpn", "1"), "/usr/sbin/openvpn\x00--config\x00/etc/openvpn/client.conf\x00"
	want(t, "another one", checkConflicts(t.Context(), device(t, ours)), Warning, "another OpenVPN client (pid 20)")
	ours["proc/20/cmdline"] += "--management\x00/run/edgeagent/openvpn-vpn.sock\x00unix\x00"
	want(t, "one that the agent left", checkConflicts(t.Context(), device(t, ours)), OK, "none")
	want(t, "no /proc", checkConflicts(t.Context(), device(t, nil)), Skipped, "listing processes")
}

func TestSSM(t *testing.T) {
	want(t, "not installed", checkSSM(t.Context(), device(t, nil)), Skipped, "not installed")
}
