package arm

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/machine"
)

const accessToken = "AWSIOT_TUNNEL_ACCESS_TOKEN"

// TestPackageOnForeignSystem has a foreign system's own dpkg, apt and shell
// install, configure, try, remove and purge the package. No systemd is running.
func TestPackageOnForeignSystem(t *testing.T) {
	asked(t, "user", "test-arm")
	for _, arch := range Architectures() {
		t.Run(arch.Deb, func(t *testing.T) {
			s := installed(t, arch)
			said := runs(t, s, "edgeagent", "version")
			version := runs(t, s, "dpkg-query", "--show", "--showformat=${Version}", "edgeagent")
			if !strings.HasPrefix(said, "edgeagent "+version+" ") || !strings.Contains(said, goArch(arch)) {
				t.Errorf("version %s of the package for %s says: %s", version, arch.Deb, said)
			}
			enabled := runs(t, s, "systemctl", "is-enabled", "edgeagent.service")
			if enabled != "enabled\n" {
				t.Errorf("the service is %s", enabled)
			}
			checksConfig(t, s)
			transfer(t, filepath.Join(s.Dir, "root/ca.pem"), func(token string, args ...string) *exec.Cmd {
				cmd, err := s.Command(t.Context(), append([]string{"edgeagent", "localproxy", "-c", "/root/ca.pem"}, args...)...)
				must(t, err)
				cmd.Env = append(cmd.Env, accessToken+"="+token)
				return cmd
			})
			leaves(t, s)
		})
	}
}

// checksConfig checks the shipped conffile, which nobody has filled in, and the
// one of a device of the lab.
func checksConfig(t *testing.T, s *System) {
	t.Helper()
	if said, err := s.Run(t.Context(), "edgeagent", "config", "check"); err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("a conffile that nobody has filled in is fine: %s %v", said, err)
	}
	l, err := lab.Start(t.Context(), lab.Options{})
	must(t, err)
	defer l.Close()
	must(t, s.Configure(t.Context(), l))
	runs(t, s, "edgeagent", "config", "check")
	// As the user that the daemon runs as: what it cannot read is a fault.
	runs(t, s, "setpriv", "--reuid=edgeagent", "--regid=edgeagent", "--clear-groups", "edgeagent", "config", "check")
}

// leaves removes and purges the package, and looks for what it has left.
func leaves(t *testing.T, s *System) {
	t.Helper()
	runs(t, s, "apt-get", "-q", "remove", "-y", "edgeagent")
	if _, err := os.Stat(filepath.Join(s.Dir, "etc/edgeagent/edgeagent.yaml")); err != nil {
		t.Errorf("removing the package has removed the configuration: %v", err)
	}
	runs(t, s, "apt-get", "-q", "purge", "-y", "edgeagent")
	for _, dir := range []string{"usr/bin", "usr/lib/systemd/system", "etc/systemd/system/multi-user.target.wants", "var/lib/dpkg/info", "etc"} {
		left, err := filepath.Glob(filepath.Join(s.Dir, dir, "edgeagent*"))
		if must(t, err); len(left) > 0 {
			t.Errorf("purging the package has left %v", left)
		}
	}
}

// runs runs a program of the System, which must succeed.
func runs(t *testing.T, s *System, argv ...string) string {
	t.Helper()
	out, err := s.Run(t.Context(), argv...)
	must(t, err)
	return out
}

func goArch(a Arch) string {
	if a.Deb == "armhf" {
		return "linux/arm,"
	}
	return "linux/" + a.Deb + ","
}

// TestEmulateLeavesTheHostAlone runs a foreign program, which the host must not
// learn to run by that.
func TestEmulateLeavesTheHostAlone(t *testing.T) {
	asked(t, "user", "test-arm")
	const registered = "/proc/sys/fs/binfmt_misc/*"
	before, err := filepath.Glob(registered)
	must(t, err)
	for _, arch := range Architectures() {
		cmd := exec.CommandContext(t.Context(), unpack(t, arch), "version")
		must(t, Emulate(cmd, arch))
		out, err := output(cmd)
		if must(t, err); !strings.Contains(out, goArch(arch)) {
			t.Errorf("the program for %s says: %s", arch.Deb, out)
		}
		after, err := filepath.Glob(registered)
		if must(t, err); !slices.Equal(before, after) {
			t.Errorf("binfmt_misc of the host knew %v, now %v", before, after)
		}
	}
}

// unpack returns the program out of a package.
func unpack(t *testing.T, arch Arch) string {
	t.Helper()
	deb, err := machine.Deb(arch.Deb)
	must(t, err)
	dir := t.TempDir()
	_, err = tool(t.Context(), "dpkg-deb", "-x", deb, dir)
	must(t, err)
	return filepath.Join(dir, "usr/bin/edgeagent")
}
