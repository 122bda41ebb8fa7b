package machine

import (
	"fmt"
	"os/exec"
	"strings"

	"edgeagent/internal/lab"
)

// programs are what a machine needs besides a lab, each with its Debian package.
var programs = []struct{ name, pkg string }{
	{"systemd-nspawn", "systemd-container"},
	{"nsenter", "util-linux"},
	{"unshare", "util-linux"},
	{"mkfs.ext4", "e2fsprogs"},
}

// Unavailable says in one line why no machine can be booted here, or "".
func Unavailable() string {
	if why := lab.Unavailable(); why != "" {
		return why
	}
	for _, p := range programs {
		if _, err := exec.LookPath(p.name); err != nil {
			return fmt.Sprintf("needs %s: apt-get install %s", p.name, p.pkg)
		}
	}
	const try = `mount -t cgroup2 cgroup2 /mnt && mkdir /mnt/$1$$ && rmdir /mnt/$1$$`
	out, err := exec.Command("unshare", "--mount", "sh", "-c", try, "sh", cgroupPrefix).CombinedOutput()
	if err != nil {
		return "needs a cgroup tree of version 2 that can be written to: " + strings.TrimSpace(string(out))
	}
	return ""
}

// NoDisk says in one line why no machine can have a disk of its own
// (Options.Disk) here, or "".
func NoDisk() string {
	out, err := exec.Command("losetup", "--find").CombinedOutput()
	if err != nil {
		return "needs a loop device: " + strings.TrimSpace(string(out))
	}
	return ""
}
