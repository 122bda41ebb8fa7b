package lab

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// programs are what the lab runs, each with its Debian package.
var programs = []struct{ name, pkg string }{
	{"openvpn", "openvpn"},
	{"unbound", "unbound"},
	{"unbound-control", "unbound"},
	{"mosquitto", "mosquitto"},
	{"mosquitto_pub", "mosquitto-clients"},
	{"dnsmasq", "dnsmasq-base"},
	{"nft", "nftables"},
	{"ip", "iproute2"},
	{"sshd", "openssh-server"},
	{"ssh", "openssh-client"},
	{"ssh-keygen", "openssh-client"},
}

// Unavailable says in one line why no lab can run here, or "" if one can.
func Unavailable() string {
	if os.Geteuid() != 0 {
		return "needs root: the lab makes network namespaces"
	}
	if err := tryNamespaces(); err != nil {
		return "needs CAP_SYS_ADMIN, as in a privileged container: " + err.Error()
	}
	// Containers lack it unless they are given it.
	if _, err := os.Stat("/dev/net/tun"); err != nil {
		return "needs a tun device: " + err.Error()
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			return fmt.Sprintf("needs %s: apt-get install %s", p.name, p.pkg)
		}
	}
	return ""
}

// tryNamespaces makes namespaces for a thread that is thrown away.
func tryNamespaces() (err error) {
	onThread(func() { err = unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID) })
	if err != nil {
		return fmt.Errorf("making namespaces: %w", err)
	}
	return nil
}
