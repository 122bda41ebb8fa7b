package resolver

import (
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// readOnly reports whether nothing can be changed in dir. To the daemon under
// systemd's ProtectSystem= all of the system looks read-only; its helper, which
// makes the changes, is outside of that sandbox. So where this process is not
// root, it is what holds for every view of the file system that counts.
func readOnly(dir string) bool {
	var statfs unix.Statfs_t
	if unix.Statfs(dir, &statfs) != nil || statfs.Flags&unix.ST_RDONLY == 0 {
		return false
	}
	if os.Geteuid() == 0 {
		return true
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return err != nil || readOnlyForAll(string(mounts), dir)
}

// readOnlyForAll reports whether the file system of dir is read-only itself, not
// only one mount of it, by the lines of /proc/PID/mountinfo (proc(5)):
//
//	36 35 98:0 / /mnt ro,noatime shared:1 - ext4 /dev/root rw,errors=continue
func readOnlyForAll(mounts, dir string) bool {
	longest, ro := "", false
	for line := range strings.Lines(mounts) {
		mount, filesystem, _ := strings.Cut(line, " - ")
		f, options := strings.Fields(mount), strings.Fields(filesystem)
		if len(f) < 5 || len(options) < 3 || !below(dir, f[4]) || len(f[4]) < len(longest) {
			continue // of two at one place the later one covers the other
		}
		longest, ro = f[4], options[2] == "ro" || strings.HasPrefix(options[2], "ro,")
	}
	return ro
}

// below reports whether dir is top or inside it.
func below(dir, top string) bool {
	rest, ok := strings.CutPrefix(dir, strings.TrimSuffix(top, "/"))
	return ok && (rest == "" || rest[0] == '/')
}
