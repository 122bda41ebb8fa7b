package resolver

import (
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

// The devices of the table are those that people have.
func TestDecide(t *testing.T) {
	nothing := func(*facts) {}
	const alsoFile = "resolv.conf names others than systemd-resolved's stub, so it is replaced as well"
	for _, tc := range []struct {
		name       string
		configured string // "" is auto
		facts      func(*facts)
		mode       string
		file       bool // beside systemd-resolved; always in mode file
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
			f.kind, f.target, f.names53, f.only53, f.resolved = kindSymlink, "../run/systemd/resolve/stub-resolv.conf", true, true, true
		}, mode: config.HostResolved, trail: []string{"resolv.conf leads to systemd-resolved, which runs"}},
		{name: "Ubuntu with the stub on another port", facts: func(f *facts) {
			f.kind, f.target, f.names53, f.only53, f.resolved = kindSymlink, "../run/systemd/resolve/stub-resolv.conf", true, true, true
			f.port = 5353
		}, mode: config.HostResolved, trail: []string{"resolv.conf leads to systemd-resolved, which runs"}},
		{name: "Ubuntu in a network that claims private names", facts: func(f *facts) {
			f.names53, f.only53, f.resolved, f.rival = true, true, true, "eth0"
		}, mode: config.HostFile, trail: []string{"resolv.conf leads to systemd-resolved, which would ask eth0 for private names"}},
		{name: "Debian with nss-resolve in such a network", facts: func(f *facts) {
			f.names53, f.only53, f.resolved, f.nss, f.rival = true, true, true, true, "eth0"
		}, mode: config.HostResolved, trail: []string{"resolv.conf leads to systemd-resolved, which runs"}},
		{name: "systemd-resolved without its stub", facts: func(f *facts) {
			f.kind, f.target, f.resolved = kindSymlink, "/run/systemd/resolve/resolv.conf", true
		}, mode: config.HostResolved, file: true, trail: []string{"resolv.conf leads to systemd-resolved, which runs", alsoFile}},
		{name: "systemd-resolved past resolv.conf", facts: func(f *facts) { f.resolved, f.nss = true, true },
			mode: config.HostResolved, file: true, trail: []string{"nsswitch.conf asks systemd-resolved, which runs, past resolv.conf", alsoFile}},
		{name: "systemd-resolved past an immutable resolv.conf", facts: func(f *facts) { f.resolved, f.nss, f.obstacle = true, true, "is immutable" },
			mode: config.HostNone, file: true, fault: "resolv.conf is immutable",
			trail: []string{"nsswitch.conf asks systemd-resolved, which runs, past resolv.conf", alsoFile,
				"resolved is not possible: resolv.conf is immutable"}},
		{name: "systemd-resolved that nobody asks", facts: func(f *facts) { f.resolved = true },
			mode: config.HostFile, trail: []string{"resolv.conf is a regular file that nobody claims"}},
		{name: "what systemd-resolved left", facts: func(f *facts) { f.kind, f.names53, f.nss = kindRegular, true, true },
			mode: config.HostFile, trail: []string{"resolv.conf leads to systemd-resolved, which does not run",
				"resolv.conf is a regular file that nobody claims"}},

		{name: "Pi OS with dhcpcd and openresolv", facts: func(f *facts) { f.owner, f.resolvconf = "resolvconf", resolvconfOpen },
			mode: config.HostResolvconf, trail: []string{"openresolv makes resolv.conf"}},
		{name: "openresolv and the stub on another port", facts: func(f *facts) { f.owner, f.resolvconf, f.port = "resolvconf", resolvconfOpen, 5353 },
			mode: config.HostNone, fault: "resolv.conf cannot name port 5353, only 53",
			trail: []string{"openresolv makes resolv.conf", "resolvconf is not possible: resolv.conf cannot name port 5353, only 53"}},
		{name: "Debian's resolvconf", facts: func(f *facts) {
			f.kind, f.target, f.resolvconf = kindSymlink, "../run/resolvconf/resolv.conf", resolvconfDebian
		}, mode: config.HostFile,
			trail: []string{"Debian's resolvconf makes the file that resolv.conf leads to; it has no exclusive records"}},
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
		{name: "resolved", configured: config.HostResolved, facts: func(f *facts) { f.resolved, f.only53 = true, true },
			mode: config.HostResolved, trail: []string{"configured: resolved"}},
		{name: "resolved without systemd-resolved", configured: config.HostResolved, facts: nothing,
			mode: config.HostResolved, file: true, fault: "systemd-resolved does not run", trail: []string{"configured: resolved", alsoFile}},
		{name: "resolvconf", configured: config.HostResolvconf, facts: func(f *facts) { f.resolvconf = resolvconfOpen },
			mode: config.HostResolvconf, trail: []string{"configured: resolvconf"}},
		{name: "resolvconf that is Debian's", configured: config.HostResolvconf, facts: func(f *facts) { f.resolvconf = resolvconfDebian },
			mode: config.HostResolvconf, fault: "openresolv is not installed (Debian's resolvconf)", trail: []string{"configured: resolvconf"}},
		{name: "resolvconf without one", configured: config.HostResolvconf, facts: nothing,
			mode: config.HostResolvconf, fault: "openresolv is not installed (no resolvconf)", trail: []string{"configured: resolvconf"}},
	} {
		f := facts{kind: kindRegular, port: 53}
		tc.facts(&f)
		if tc.configured == "" {
			tc.configured = config.HostAuto
		}
		got := decide(tc.configured, f)
		if got.file != (tc.file || got.mode == config.HostFile || strings.HasPrefix(tc.trail[len(tc.trail)-1], "file is not possible")) {
			t.Errorf("%s: resolv.conf is replaced: %v", tc.name, got.file)
		}
		if got.mode != tc.mode || got.fault != tc.fault || !slices.Equal(got.trail, tc.trail) {
			t.Errorf("%s: %s (%s)\n%q, want %s (%s)\n%q", tc.name, got.mode, got.fault, got.trail, tc.mode, tc.fault, tc.trail)
		}
	}
}
