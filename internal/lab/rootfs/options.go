package rootfs

import (
	"crypto/sha256"
	"fmt"
	"os/exec"
	"runtime"
	"slices"
	"strings"
)

// Debian releases that the agent is tested on.
const (
	Bookworm = "bookworm" // Debian 12
	Trixie   = "trixie"   // Debian 13
)

// recipe counts changes of what Build does beyond its options: cached file
// systems of another recipe are not used.
const recipe = 1

// Options say what is in a root file system.
type Options struct {
	Release string // Bookworm or Trixie
	Arch    string // Debian's name; "" is this machine's own
	// Packages are those besides Base.
	Packages []string
	// AptOptions are lines of apt.conf(5) for the build, and stay in the result.
	AptOptions []string
	// Prepare changes the command that builds, so that programs of a foreign
	// Arch can run. nil leaves it.
	Prepare func(*exec.Cmd) error
}

// Base returns the packages that every root file system has: what a gateway
// has anyway, and what the agent's package depends on. None of those that are
// only recommended is installed.
func Base() []string {
	return []string{
		"systemd", "systemd-sysv", "dbus", "polkitd", "openvpn", "openssh-server",
		"iproute2", "procps", "ca-certificates", "less",
	}
}

// HostMode is a way in which an operating system manages its own DNS.
type HostMode string

// Host modes that Debian has packages for. Plain is a file that nobody manages.
const (
	Plain          HostMode = "plain"
	Ifupdown       HostMode = "ifupdown"       // dhclient writes the file
	NetworkManager HostMode = "networkmanager" // Pi OS Bookworm and Trixie
	Resolved       HostMode = "resolved"       // Ubuntu
	Openresolv     HostMode = "openresolv"     // Pi OS Bullseye: dhcpcd feeds it
)

// Packages returns what makes a system of this host mode, besides Base.
func (m HostMode) Packages(release string) []string {
	switch m {
	case Ifupdown:
		return []string{"ifupdown", "isc-dhcp-client"}
	case NetworkManager:
		return []string{"network-manager"}
	case Resolved:
		return []string{"systemd-resolved", "libnss-resolve"}
	case Openresolv:
		if release == Bookworm {
			return []string{"openresolv", "dhcpcd5"}
		}
		return []string{"openresolv", "dhcpcd"}
	}
	return nil
}

// nativeArch is Debian's name of this machine's architecture.
func nativeArch() string {
	if runtime.GOARCH == "arm" {
		return "armhf"
	}
	return runtime.GOARCH
}

// normal fills in what was left out and sorts what has no order.
func (o Options) normal() Options {
	if o.Arch == "" {
		o.Arch = nativeArch()
	}
	o.Packages = append(Base(), o.Packages...)
	slices.Sort(o.Packages)
	o.Packages = slices.Compact(o.Packages)
	return o
}

// key names the file system that comes out, given also the source of its packages.
func (o Options) key(source string) string {
	text := fmt.Sprint(recipe, "\n", strings.Join(o.Packages, " "), "\n", strings.Join(o.AptOptions, "\n"), "\n", source)
	return fmt.Sprintf("%s-%s-%.8x", o.Release, o.Arch, sha256.Sum256([]byte(text)))
}
