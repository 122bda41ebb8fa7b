package arm

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/machine"
)

// fieldFiles returns where a technician copies a device's files to, and from
// where: paths inside the lab's directory.
func fieldFiles() map[string]string {
	return map[string]string{
		"/etc/edgeagent/openvpn/client.ovpn":       "device/client.ovpn",
		"/etc/edgeagent/certs/AmazonRootCA1.pem":   "pki/iot-ca.crt",
		"/etc/edgeagent/certs/certificate.pem.crt": "pki/device.crt",
		"/etc/edgeagent/certs/private.pem.key":     "pki/device.key",
	}
}

// trusted is what every program of a Debian trusts. The tunneling service's
// certificate is from the lab's own root.
const trusted = "/etc/ssl/certs/ca-certificates.crt"

// network is systemd.network(5) of a wired device: virtio's and USB's interfaces
// have names of their own, and tun0 must stay the agent's.
const network = `[Match]
Name=en* eth* usb*
[Network]
Address=%s
Gateway=%s
LinkLocalAddressing=no
`

// Configure does what a technician does after the package is installed: copies
// the lab's files to where they belong and fills in the shipped configuration.
func (s *System) Configure(ctx context.Context, l *lab.Lab) error {
	conffile := filepath.Join(s.Dir, "etc/edgeagent/edgeagent.yaml")
	text, err := os.ReadFile(conffile)
	if err != nil {
		return fmt.Errorf("configuring a device: %w", err)
	}
	filled, err := machine.FillIn(string(text), nil)
	if err != nil {
		return fmt.Errorf("configuring a device: %w", err)
	}
	if err := os.WriteFile(conffile, []byte(filled), 0); err != nil { // owner and mode stay
		return fmt.Errorf("configuring a device: %w", err)
	}
	script := "cat /etc/edgeagent/certs/AmazonRootCA1.pem >>" + trusted + "; chgrp edgeagent"
	for to, from := range fieldFiles() {
		data, err := os.ReadFile(filepath.Join(l.Dir, from))
		if err != nil {
			return fmt.Errorf("configuring a device: %w", err)
		}
		if err := s.Write(to, string(data), 0o640); err != nil {
			return err
		}
		script += " " + to
	}
	_, err = s.Run(ctx, "sh", "-ec", script)
	return err
}

// Join gives the System a place in the lab: the device's address, name, DNS,
// time and keys for ssh, so that the office and the laptop get in.
func (s *System) Join(ctx context.Context, l *lab.Lab, b *lab.Berth) error {
	files := map[string]string{
		"/etc/hostname":                    lab.Thing + "\n",
		"/etc/hosts":                       "127.0.0.1 localhost\n127.0.1.1 " + lab.Thing + "\n",
		"/etc/resolv.conf":                 fmt.Sprintf("search lan\nnameserver %s\n", b.Gateway),
		"/etc/systemd/network/lan.network": fmt.Sprintf(network, b.Machine, b.Gateway),
		"/etc/systemd/timesyncd.conf":      fmt.Sprintf("[Time]\nNTP=%s\nFallbackNTP=\n", b.Gateway),
		"/etc/ssh/sshd_config.d/lab.conf":  "HostKey /etc/ssh/lab_host_key\nUsePAM no\n",
		"/etc/ssh/lab_host_key":            "",
		"/root/.ssh/authorized_keys":       "",
	}
	for to, from := range map[string]string{
		"/etc/ssh/lab_host_key": "device/ssh_host_key", "/root/.ssh/authorized_keys": "office/id.pub",
	} {
		data, err := os.ReadFile(filepath.Join(l.Dir, from))
		if err != nil {
			return fmt.Errorf("joining the lab: %w", err)
		}
		files[to] = string(data)
	}
	for name, content := range files {
		mode := os.FileMode(0o644)
		if strings.Contains(name, "ssh") {
			mode = 0o600
		}
		if err := s.Write(name, content, mode); err != nil {
			return err
		}
	}
	_, err := s.Run(ctx, "systemctl", "--quiet", "enable", "systemd-networkd", "systemd-timesyncd", "ssh")
	return err
}

// Disk makes a disk image with the System and the kernel's modules on it, of
// the given size in MiB.
func (s *System) Disk(ctx context.Context, k Kernel, image string, size int) error {
	modules := filepath.Join(s.Dir, "usr/lib/modules")
	if err := os.MkdirAll(modules, 0o755); err != nil {
		return fmt.Errorf("making a disk: %w", err)
	}
	for _, argv := range [][]string{
		{"cp", "-a", filepath.Join(k.Modules, k.Version), modules},
		{"mkfs.ext4", "-q", "-d", s.Dir, image, fmt.Sprintf("%dM", size)},
	} {
		if _, err := tool(ctx, argv...); err != nil {
			return err
		}
	}
	return nil
}
