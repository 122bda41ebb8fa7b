package resolver

import (
	"slices"
	"testing"

	"edgeagent/internal/config"
)

// The devices of the table are those that people have.
func TestDecide(t *testing.T) {
	nothing := func(*facts) {}
	for _, tc := range []struct {
		name       string
		configured string // "" is auto
		facts      func(*facts)
		mode       string
		fault      string
		trail      []string
	}{
		{name: "Pi OS with NetworkManager", facts: func(f *facts) { f.networkManager, f.owner = true, "NetworkManager" },
			mode: config.HostFile, trail: []string{"NetworkManager runs; it leaves a link that is not its own alone"}},
		{name: "the same, applied already", facts: func(f *facts) { f.networkManager, f.ours = true, true },
			mode: config.HostFile, trail: []string{"resolv.conf is ours; judging by what it was",
				"NetworkManager runs; it leaves a link that is not its own alone"}},
		{name: "a file by hand", facts: nothing,
			mode: config.HostFile, trail: []string{"resolv.conf is a regular file that nobody claims"}},
		{name: "dhclient's file", facts: func(f *facts) { f.owner = "dhclient" },
			mode: config.HostFile, trail: []string{"resolv.conf was written by dhclient"}},
		{name: "no file", facts: func(f *facts) { f.kind = kindMissing },
			mode: config.HostFile, trail: []string{"there is no resolv.conf"}},
		{name: "a link nobody knows", facts: func(f *facts) { f.kind, f.target = kindSymlink, "/data/resolv.conf" },
			mode: config.HostFile, trail: []string{"resolv.conf is a symbolic link to /data/resolv.conf"}},

		{name: "Ubuntu", facts: func(f *facts) {
			f.kind, f.target, f.names53, f.resolved = kindSymlink, "../run/systemd/resolve/stub-resolv.conf", true, true
		}, mode: config.HostNone, fault: "steering systemd-resolved is not in this version",
			trail: []string{"resolv.conf leads to systemd-resolved, which runs",
				"resolved is not possible: steering systemd-resolved is not in this version"}},
		{name: "systemd-resolved without its stub", facts: func(f *facts) {
			f.kind, f.target, f.resolved = kindSymlink, "/run/systemd/resolve/resolv.conf", true
		}, mode: config.HostNone, fault: "steering systemd-resolved is not in this version",
			trail: []string{"resolv.conf leads to systemd-resolved, which runs",
				"resolved is not possible: steering systemd-resolved is not in this version"}},
		{name: "systemd-resolved past resolv.conf", facts: func(f *facts) { f.resolved, f.nss = true, true },
			mode: config.HostNone, fault: "steering systemd-resolved is not in this version",
			trail: []string{"nsswitch.conf asks systemd-resolved, which runs, past resolv.conf",
				"resolved is not possible: steering systemd-resolved is not in this version"}},
		{name: "systemd-resolved that nobody asks", facts: func(f *facts) { f.resolved = true },
			mode: config.HostFile, trail: []string{"resolv.conf is a regular file that nobody claims"}},
		{name: "what systemd-resolved left", facts: func(f *facts) { f.kind, f.names53, f.nss = kindRegular, true, true },
			mode: config.HostFile, trail: []string{"resolv.conf leads to systemd-resolved, which does not run",
				"resolv.conf is a regular file that nobody claims"}},

		{name: "Pi OS with dhcpcd and openresolv", facts: func(f *facts) { f.owner, f.resolvconf = "resolvconf", resolvconfOpen },
			mode: config.HostNone, fault: "steering resolvconf is not in this version",
			trail: []string{"openresolv makes resolv.conf", "resolvconf is not possible: steering resolvconf is not in this version"}},
		{name: "Debian's resolvconf", facts: func(f *facts) {
			f.kind, f.target, f.resolvconf = kindSymlink, "/etc/resolvconf/run/resolv.conf", resolvconfDebian
		}, mode: config.HostNone, fault: "steering resolvconf is not in this version",
			trail: []string{"Debian's resolvconf makes resolv.conf", "resolvconf is not possible: steering resolvconf is not in this version"}},
		{name: "openresolv that is not used", facts: func(f *facts) { f.owner, f.resolvconf, f.networkManager = "NetworkManager", resolvconfOpen, true },
			mode: config.HostFile, trail: []string{"NetworkManager runs; it leaves a link that is not its own alone"}},
		{name: "resolvconf that was removed", facts: func(f *facts) { f.owner = "resolvconf" },
			mode: config.HostFile, trail: []string{"resolv.conf was written by resolvconf"}},
		{name: "resolvconf that is systemd-resolved's", facts: func(f *facts) { f.owner, f.resolvconf = "resolvconf", resolvconfResolved },
			mode: config.HostFile, trail: []string{"resolv.conf was written by resolvconf"}},

		{name: "immutable", facts: func(f *facts) { f.obstacle = "is immutable" },
			mode: config.HostNone, fault: "resolv.conf is immutable",
			trail: []string{"resolv.conf is a regular file that nobody claims", "file is not possible: resolv.conf is immutable"}},
		{name: "a directory", facts: func(f *facts) { f.kind = kindDirectory },
			mode: config.HostNone, fault: "resolv.conf is a directory",
			trail: []string{"resolv.conf is a directory that nobody claims", "file is not possible: resolv.conf is a directory"}},
		{name: "another port", facts: func(f *facts) { f.port = 5353 },
			mode: config.HostNone, fault: "resolv.conf cannot name port 5353, only 53",
			trail: []string{"resolv.conf is a regular file that nobody claims",
				"file is not possible: resolv.conf cannot name port 5353, only 53"}},

		{name: "file where systemd-resolved runs", configured: config.HostFile, facts: func(f *facts) { f.names53, f.resolved = true, true },
			mode: config.HostFile, trail: []string{"configured: file"}},
		{name: "file on an immutable one", configured: config.HostFile, facts: func(f *facts) { f.obstacle = "is immutable" },
			mode: config.HostFile, fault: "resolv.conf is immutable", trail: []string{"configured: file"}},
		{name: "none on an immutable one", configured: config.HostNone, facts: func(f *facts) { f.obstacle = "is immutable" },
			mode: config.HostNone, trail: []string{"configured: none"}},
		{name: "resolved", configured: config.HostResolved, facts: nothing,
			mode: config.HostResolved, fault: "steering systemd-resolved is not in this version", trail: []string{"configured: resolved"}},
		{name: "resolvconf", configured: config.HostResolvconf, facts: nothing,
			mode: config.HostResolvconf, fault: "steering resolvconf is not in this version", trail: []string{"configured: resolvconf"}},
	} {
		f := facts{kind: kindRegular, port: 53}
		tc.facts(&f)
		if tc.configured == "" {
			tc.configured = config.HostAuto
		}
		got := decide(tc.configured, f)
		if got.mode != tc.mode || got.fault != tc.fault || !slices.Equal(got.trail, tc.trail) {
			t.Errorf("%s: %s (%s)\n%q, want %s (%s)\n%q", tc.name, got.mode, got.fault, got.trail, tc.mode, tc.fault, tc.trail)
		}
	}
}
