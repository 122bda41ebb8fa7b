package machine

import (
	"slices"
	"strings"
	"testing"
)

// leftByDpkg are paths that installing anything and purging it changes.
var leftByDpkg = []string{
	"/var/lib/dpkg", "/var/log", "/var/cache", "/var/lib/apt", "/var/backups", "/root",
	// The user stays, locked: its number must not be given to somebody else.
	"/etc/passwd", "/etc/passwd-", "/etc/group", "/etc/group-",
	"/etc/shadow", "/etc/shadow-", "/etc/gshadow", "/etc/gshadow-", "/etc/.pwd.lock",
}

// listing describes every file of the machine's disk on one line: its path,
// kind, mode, owner, link and, below /etc, its content.
func listing(t *testing.T, m *Machine) []string {
	t.Helper()
	text := sh(t, m, `find / -xdev -printf '%p %y %m %u:%g %l\n'; find /etc -xdev -type f -exec sha256sum {} + | sed 's/\(.*\)  \(.*\)/\2 \1/'`)
	lines := strings.Split(text, "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool {
		return slices.ContainsFunc(leftByDpkg, func(path string) bool {
			return strings.HasPrefix(line, path+" ") || strings.HasPrefix(line, path+"/")
		})
	})
	slices.Sort(lines)
	return lines
}

func TestPurgeLeavesNothing(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		deb := needsDeb(t)
		m := boot(t, system{Release: release})
		must(t, m.Push(t.Context(), deb, "/root/edgeagent.deb", "root:root", "0644"))
		trust := sh(t, m, "cat "+trusted)
		before, runtime := listing(t, m), sh(t, m, "ls /run")
		install(t, m, deb)
		configure(t, m, nil)
		waitOK(t, m)
		sh(t, m, "apt-get purge --yes edgeagent")
		must(t, m.WriteFile(t.Context(), trusted, trust+"\n")) // the lab's, not the package's
		after := listing(t, m)
		for _, line := range after {
			if _, was := slices.BinarySearch(before, line); !was {
				t.Errorf("left or changed: %s", line)
			}
		}
		for _, line := range before {
			if _, is := slices.BinarySearch(after, line); !is {
				t.Errorf("gone or changed: %s", line)
			}
		}
		if got := sh(t, m, "ls /run"); got != runtime {
			t.Errorf("/run was\n%s\nand is\n%s", runtime, got)
		}
		if got := sh(t, m, "systemctl list-units --all --plain --no-legend 'edgeagent*'"); got != "" {
			t.Errorf("systemd still knows: %s", got)
		}
		if got := sh(t, m, "ip -br link show type tun; ip rule | grep -vE 'local|main|default'; pgrep -l openvpn; pgrep -l edgeagent; true"); got != "" {
			t.Errorf("left in the network: %s", got)
		}
	})
}

func TestReinstallAfterRemoveAndAfterPurge(t *testing.T) {
	eachRelease(t, func(t *testing.T, release string) {
		deb := needsDeb(t)
		m := configured(t, system{Release: release}, nil)
		sh(t, m, "apt-get remove --yes edgeagent")
		if got := resolvConf(t, m); got != m.lab.ResolvConf() {
			t.Errorf("resolv.conf after the removal:\n%s", got)
		}
		sh(t, m, "test -s "+ConfigFile+" && test -s /etc/edgeagent/certs/private.pem.key")
		install(t, m, deb)
		waitOK(t, m)
		sh(t, m, "apt-get purge --yes edgeagent")
		sh(t, m, "! test -e /etc/edgeagent && ! test -e /var/lib/edgeagent")
		install(t, m, deb)
		notConfigured(t, m, "0")
		configure(t, m, nil)
		waitOK(t, m)
		privateOnly(t, m)
		neverInTheOpen(t, m)
	})
}
