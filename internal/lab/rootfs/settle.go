package rootfs

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// settle makes of what mmdebstrap leaves what an installer leaves: a machine
// that is past its first boot, at which systemd would turn every service on.
func settle(dir, name string) error {
	for file, content := range map[string]string{
		"etc/machine-id":  fmt.Sprintf("%.16x\n", sha256.Sum256([]byte(name))),
		"etc/hosts":       "127.0.0.1 localhost\n",
		"etc/resolv.conf": "", // this machine's own came with the build
		"etc/fstab":       "",
	} {
		path := filepath.Join(dir, file)
		// systemd-resolved has made resolv.conf a link, which is to stay, and
		// would lead out of dir.
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink != 0 {
			continue
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			return err
		}
	}
	// A journal that survives a boot is what one looks at after a failure.
	if err := os.MkdirAll(filepath.Join(dir, "var/log/journal"), 0o755); err != nil {
		return err
	}
	return unlockRoot(filepath.Join(dir, "etc/shadow"))
}

// unlockRoot lets root in by key: sshd refuses a locked account.
func unlockRoot(shadow string) error {
	data, err := os.ReadFile(shadow)
	if err != nil {
		return err
	}
	_, rest, ok := strings.Cut(string(data), "root:")
	if !ok {
		return fmt.Errorf("no root in %s", shadow)
	}
	_, rest, _ = strings.Cut(rest, ":")
	return os.WriteFile(shadow, []byte("root:*:"+rest), 0o640)
}
