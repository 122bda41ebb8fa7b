package lab

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// fieldScript stands where a config of the field names its up and down script.
const fieldScript = "/etc/openvpn/update-systemd-resolved"

// setUpDevice gives the device the /etc of a machine that a DHCP client has
// set up, whatever the host's own looks like.
func (l *Lab) setUpDevice() error {
	if l.opts.BareDevice {
		return nil
	}
	return l.Device.Do(func() error {
		shadow, err := unlockedShadow()
		if err != nil {
			return err
		}
		if err := os.MkdirAll("/etc/openvpn", 0o755); err != nil {
			return err
		}
		// On some hosts it is a link, which would be written through.
		os.Remove("/etc/resolv.conf")
		for name, content := range map[string]string{
			"/etc/resolv.conf":   l.ResolvConf(),
			"/etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\n",
			"/etc/hostname":      Thing + "\n",
			"/etc/hosts":         "127.0.0.1 localhost\n127.0.1.1 " + Thing + "\n",
			"/etc/shadow":        shadow,
			fieldScript:          "#!/bin/sh\ntouch " + l.ScriptMark() + "\n",
		} {
			if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
				return err
			}
			if err := os.Chmod(name, etcMode(name)); err != nil {
				return err
			}
		}
		return nil
	})
}

// etcMode is the mode that a file of /etc has on a real machine.
func etcMode(name string) os.FileMode {
	switch name {
	case "/etc/shadow":
		return 0o600
	case fieldScript:
		return 0o755
	}
	return 0o644
}

// ResolvConf returns what the site's DHCP server makes of /etc/resolv.conf.
func (l *Lab) ResolvConf() string {
	return fmt.Sprintf("search lan\nnameserver %s\n", l.opts.lan().Gateway.Addr())
}

// ScriptMark returns the file that the up and down scripts of a field config
// would leave if they were run.
func (l *Lab) ScriptMark() string { return l.path("device", "script-ran") }

// unlockedShadow returns the host's shadow file with root not locked, or sshd
// would refuse its key.
func unlockedShadow() (string, error) {
	data, err := os.ReadFile("/etc/shadow")
	if err != nil {
		return "", err
	}
	lines := strings.Split(string(data), "\n")
	for i, line := range lines {
		if fields := strings.Split(line, ":"); fields[0] == "root" && len(fields) > 1 {
			fields[1] = "*"
			lines[i] = strings.Join(fields, ":")
		}
	}
	return strings.Join(lines, "\n"), nil
}

// startSSHD starts the device's sshd at 127.0.0.1:22, which lets the office's
// key in as root.
func (l *Lab) startSSHD(ctx context.Context) error {
	if err := l.makeSSHKeys(ctx); err != nil || l.opts.BareDevice {
		return err
	}
	return l.StartSSHD(ctx)
}

// makeSSHKeys makes the device's host key and the office's key.
func (l *Lab) makeSSHKeys(ctx context.Context) error {
	for file, comment := range map[string]string{"device/ssh_host_key": Thing, "office/id": "office"} {
		cmd := exec.CommandContext(ctx, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", l.path(file))
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("making ssh keys: %w: %s", err, out)
		}
	}
	return l.writeKnownHosts()
}

// writeKnownHosts lets the office check the host key: an ssh that ends at
// another sshd must fail.
func (l *Lab) writeKnownHosts() error {
	key, err := os.ReadFile(l.path("device", "ssh_host_key.pub"))
	if err != nil {
		return err
	}
	return os.WriteFile(l.path("office", "known_hosts"), []byte(Thing+" "+string(key)), 0o644)
}

// SSH runs a command on the device from the office, through whatever listens
// at port of the office machine's loopback (which is in the VPC here).
func (l *Lab) SSH(ctx context.Context, port uint16, command string) (string, error) {
	args := append(l.sshOptions(), "-p", fmt.Sprint(port), "root@127.0.0.1", command)
	return l.VPC.Run(ctx, "ssh", args...)
}

// sshOptions are those that the office's ssh and scp share.
func (l *Lab) sshOptions() []string {
	return []string{
		"-F", "none", "-i", l.path("office", "id"),
		"-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes",
		"-o", "UserKnownHostsFile=" + l.path("office", "known_hosts"),
		"-o", "StrictHostKeyChecking=yes", "-o", "HostKeyAlias=" + Thing,
	}
}
