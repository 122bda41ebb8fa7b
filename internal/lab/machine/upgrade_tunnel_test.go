package machine

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// newProgram has a package's program say that it is the newer version.
func newProgram(t *testing.T) func(dir string) {
	return func(dir string) {
		if err := lab.Build(t.Context(), filepath.Join(dir, "usr/bin/edgeagent"), "-X main.version="+newer); err != nil {
			t.Fatal(err)
		}
	}
}

// upgradeCommand is what a person types in the session, who wants to know how
// apt ended and that the session lives on.
const upgradeCommand = "apt-get install --yes -o Dpkg::Options::=--force-unsafe-io ./newer.deb; echo apt-get: $?; hostname"

// kept is what an upgrade must leave as it is.
func kept(t *testing.T, m *Machine) string {
	return sh(t, m, "systemctl show --value -p MainPID edgeagent; pgrep -x openvpn; pgrep -f 'edgeagent [l]ocalproxy'; "+
		"cat /sys/class/net/tun0/ifindex; cut -d' ' -f22 /proc/$(pgrep -x openvpn)/stat")
}

// TestUpgradeThroughItsOwnTunnel types `apt install ./newer.deb` in an SSH session
// that runs through a tunnel of the agent that is upgraded.
func TestUpgradeThroughItsOwnTunnel(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		m := installed(t, system{Release: release, Packages: []string{"openssh-server"}})
		must(t, m.AllowSSH(t.Context()))
		sh(t, m, "systemctl restart ssh")
		configure(t, m, nil)
		waitOK(t, m)
		must(t, m.Push(t.Context(), repack(t, needsDeb(t), newProgram(t)), "/root/newer.deb", "root:root", "0644"))
		tunnel, err := m.lab.OpenTunnel(within(t, testTimeout), "SSH")
		must(t, err)
		before := kept(t, m)

		began := time.Now()
		out, err := tunnel.SSH(within(t, testTimeout), upgradeCommand)
		figure(t, "apt install through its own tunnel, "+release, time.Since(began))
		if err != nil || !strings.HasSuffix(out, "\napt-get: 0\n"+lastLines(sh(t, m, "hostname"), 1)+"\n") {
			t.Fatalf("the session ended with %v:\n%s", err, out)
		}
		if s, err := m.Peek(t.Context()); err != nil || s.Version != newer {
			t.Errorf("version %s runs (%v), want %s\n%s", s.Version, err, newer, out)
		}
		if after := kept(t, m); after != before {
			t.Errorf("pids and device were\n%s\nnow\n%s", before, after)
		}
		waitOK(t, m)
		must(t, tunnel.Close())
		neverInTheOpen(t, m)
	})
}
