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

func TestReadOnlyRoot(t *testing.T) {
	const writable = "/dev/mmcblk0p2 / ext4 rw,noatime 0 0\n"
	const turned = "/dev/mmcblk0p2 / ext4 ro,noatime 0 0\n"
	const fstab = "# the card\nPARTUUID=1 /boot vfat ro 0 2\nPARTUUID=2 / ext4 defaults,noatime 0 1\n"
	for name, tc := range map[string]struct {
		mounts, fstab string
		state         State
		words         string
	}{
		"writable":                {writable, fstab, OK, "MB free"},
		"turned by the kernel":    {turned, fstab, Error, "has become read-only, although /etc/fstab mounts it writable"},
		"read-only on purpose":    {turned, strings.Replace(fstab, "defaults", "ro", 1), OK, "/ is read-only on purpose"},
		"not in fstab":            {turned, "", OK, "/ is read-only on purpose"},
		"overlay (raspi-config)":  {turned + "overlayroot / overlay rw,lowerdir=/x 0 0\n", fstab, OK, "gone after a reboot"},
		"an option with ro in it": {"/dev/sda1 / ext4 rw,errors=remount-ro 0 0\n", fstab, OK, "MB free"},
		"damaged":                 {"/ /\n\n", fstab, OK, "MB free"},
	} {
		want(t, name, checkDisk(t.Context(), device(t, map[string]string{"proc/mounts": tc.mounts, "etc/fstab": tc.fstab})), tc.state, tc.words)
	}
}

func TestSilencedRadio(t *testing.T) {
	for name, tc := range map[string]struct {
		files map[string]string
		want  bool
	}{
		"none":         {nil, false},
		"on":           {map[string]string{"r/rfkill0/type": "wlan\n", "r/rfkill0/soft": "0\n", "r/rfkill0/hard": "0\n"}, false},
		"by software":  {map[string]string{"r/rfkill1/type": "wlan\n", "r/rfkill1/soft": "1\n", "r/rfkill1/hard": "0\n"}, true},
		"by a switch":  {map[string]string{"r/rfkill1/type": "wlan\n", "r/rfkill1/soft": "0\n", "r/rfkill1/hard": "1\n"}, true},
		"of bluetooth": {map[string]string{"r/rfkill0/type": "bluetooth\n", "r/rfkill0/soft": "1\n"}, false},
	} {
		if got := silenced(device(t, tc.files).file("/r")); got != tc.want {
			t.Errorf("%s: %t", name, got)
		}
	}
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
	const entry = "Package: other\nVersion: 1\n\nPackage: amazon-ssm-agent\nStatus: install ok installed\nVersion: %\nDescription: x\n\nPackage: z\nVersion: 9\n"
	with := func(version string) *examination {
		return device(t, map[string]string{"usr/bin/amazon-ssm-agent": "", "var/lib/dpkg/status": strings.Replace(entry, "%", version, 1)})
	}
	want(t, "mended", checkSSM(t.Context(), with("3.3.3797.0-1")), OK, "version 3.3.3797.0-1 reports point-to-point")
	if o := checkSSM(t.Context(), with("3.3.380.0")); strings.Contains(o.finding.in(english()), "version 3.3.380.0") {
		t.Errorf("an old one is taken for a new one: %s", o.finding.in(english()))
	}
}

func TestVersions(t *testing.T) {
	for version, want := range map[string]bool{
		"3.3.3797.0": false, "3.3.3797.0-1": false, "3.3.3798": false, "3.4": false, "4.0.0.0": false,
		"3.3.3796.9": true, "3.2.9999.0": true, "2.3.1": true, "": true, "garbage": true,
	} {
		if got := before(version, ssmMended); got != want {
			t.Errorf("%q is before: %t", version, got)
		}
	}
}
