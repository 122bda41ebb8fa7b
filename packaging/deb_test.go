package packaging

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// source is the time that the packages of the tests claim to be of.
const source = "2026-11-21T08:30:00Z"

// needs skips a test where programs are not installed.
func needs(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skip("needs the program " + p)
		}
	}
}

// output runs a program and returns what it prints.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// build makes the package of amd64 with additions to the environment.
func build(t *testing.T, dir, version string, env ...string) (file string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), "sh", "-c", `umask "$MASK"; exec scripts/deb.sh "$0" "$@"`, version, source, "amd64")
	cmd.Dir = ".."
	cmd.Env = append(append(os.Environ(), "MASK=022", "OUT="+dir), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building the package: %v\n%s", err, out)
	}
	return filepath.Join(dir, "edgeagent_"+version+"_amd64.deb")
}

// What differs between two machines must not get into the package.
func TestSameSourceSameBytes(t *testing.T) {
	needs(t, "dh", "dpkg-deb")
	tmp := t.TempDir()
	first := build(t, t.TempDir(), "1.2.3", "TZ=Asia/Tokyo", "LC_ALL=C")
	second := build(t, t.TempDir(), "1.2.3", "TZ=America/Lima", "LC_ALL=C.UTF-8", "MASK=077", "TMPDIR="+tmp, "DEB_BUILD_OPTIONS=parallel=4")
	a, err := os.ReadFile(first)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(second)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(a, b) {
		t.Errorf("two packages of one source differ:\n%s", cmp.Diff(output(t, "dpkg-deb", "-c", first), output(t, "dpkg-deb", "-c", second)))
	}
}

func TestPackage(t *testing.T) {
	needs(t, "dh", "dpkg-deb")
	file := build(t, t.TempDir(), "1.2.3~rc1")
	t.Run("says its version", func(t *testing.T) {
		dir := t.TempDir()
		output(t, "dpkg-deb", "-x", file, dir)
		if got := output(t, dir+"/usr/bin/edgeagent", "version"); !strings.HasPrefix(got, "edgeagent 1.2.3~rc1 (") || !strings.Contains(got, "source of 2026-11-21") {
			t.Errorf("the program says %q", got)
		}
		if got := output(t, "dpkg-deb", "-f", file, "Version", "Architecture"); got != "Version: 1.2.3~rc1\nArchitecture: amd64\n" {
			t.Errorf("the package says %q", got)
		}
	})
	t.Run("has these files", func(t *testing.T) {
		if d := cmp.Diff(files, listed(output(t, "dpkg-deb", "-c", file))); d != "" {
			t.Error(d)
		}
	})
	t.Run("has these conffiles", func(t *testing.T) {
		dir := t.TempDir()
		output(t, "dpkg-deb", "-e", file, dir)
		if got, err := os.ReadFile(dir + "/conffiles"); err != nil || string(got) != "/etc/dhcp/dhclient-enter-hooks.d/edgeagent\n/etc/edgeagent/edgeagent.yaml\n" {
			t.Errorf("conffiles: %q, %v", got, err)
		}
	})
}

// listed returns the files of a listing, each with its mode and owner, and the
// directories that are the package's own.
func listed(listing string) string {
	var b strings.Builder
	for line := range strings.Lines(listing) {
		f := strings.Fields(line) // mode owner size date time name
		dir := strings.HasSuffix(f[5], "/")
		if !dir || strings.Contains(f[5], "edgeagent") {
			b.WriteString(f[0] + " " + f[1] + " " + strings.TrimPrefix(f[5], ".") + "\n")
		}
	}
	return b.String()
}

const files = `-rw-r--r-- root/root /etc/dhcp/dhclient-enter-hooks.d/edgeagent
drwxr-xr-x root/root /etc/edgeagent/
drwxr-xr-x root/root /etc/edgeagent/certs/
-rw-r--r-- root/root /etc/edgeagent/edgeagent.yaml
drwxr-xr-x root/root /etc/edgeagent/openvpn/
-rwxr-xr-x root/root /usr/bin/edgeagent
-rw-r--r-- root/root /usr/lib/NetworkManager/conf.d/edgeagent.conf
-rw-r--r-- root/root /usr/lib/systemd/network/10-edgeagent.network
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent-recover@.service
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent-resolver-boot.service
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent-resolver-undo.service
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent-resolver.path
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent-resolver.service
-rw-r--r-- root/root /usr/lib/systemd/system/edgeagent.service
-rw-r--r-- root/root /usr/lib/systemd/system/sysinit.target.d/edgeagent.conf
-rw-r--r-- root/root /usr/lib/sysusers.d/edgeagent.conf
-rw-r--r-- root/root /usr/lib/tmpfiles.d/edgeagent.conf
-rw-r--r-- root/root /usr/share/bash-completion/completions/edgeagent
drwxr-xr-x root/root /usr/share/doc/edgeagent/
-rw-r--r-- root/root /usr/share/doc/edgeagent/aws-setup.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/changelog.gz
-rw-r--r-- root/root /usr/share/doc/edgeagent/check.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/copyright
drwxr-xr-x root/root /usr/share/doc/edgeagent/examples/
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/canal.yaml
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/edgeagent-metrics.service
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/edgeagent-metrics.timer
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/failover.yaml
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/iot-policy-with-status.json
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/iot-policy.json
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/minimal.yaml
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/prometheus.yaml
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/record.json
-rw-r--r-- root/root /usr/share/doc/edgeagent/examples/telegraf.conf
-rw-r--r-- root/root /usr/share/doc/edgeagent/field-guide.ja.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/field-guide.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/install.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/links.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/metrics.md
-rw-r--r-- root/root /usr/share/doc/edgeagent/reasons.md
-rw-r--r-- root/root /usr/share/fish/vendor_completions.d/edgeagent.fish
-rw-r--r-- root/root /usr/share/lintian/overrides/edgeagent
-rw-r--r-- root/root /usr/share/man/man1/edgeagent-localproxy.1.gz
-rw-r--r-- root/root /usr/share/man/man5/edgeagent.yaml.5.gz
-rw-r--r-- root/root /usr/share/man/man8/edgeagent.8.gz
-rw-r--r-- root/root /usr/share/polkit-1/rules.d/edgeagent.rules
-rw-r--r-- root/root /usr/share/zsh/vendor-completions/_edgeagent
-rw-r--r-- root/root /var/lib/polkit-1/localauthority/10-vendor.d/edgeagent.pkla
`
