package bundle

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// command is a program whose output tells how the system is.
type command struct {
	name, what string
	argv       []string
	end        bool // its end is what matters
}

// commands change nothing and ask no server in the open. What is not installed
// is named in the archive.
var commands = []command{
	{"log/this-boot.txt", "the agent's log since the boot", []string{"journalctl", "-u", "edgeagent*", "-b", "0", "-n", "5000", "--no-pager", "-o", "short-precise"}, true},
	{"log/last-boot.txt", "the agent's log of the boot before", []string{"journalctl", "-u", "edgeagent*", "-b", "-1", "-n", "3000", "--no-pager", "-o", "short-precise"}, true},
	{"log/network.txt", "NetworkManager, ModemManager, resolved, dhcpcd, pppd since the boot", []string{"journalctl", "-b", "0", "-n", "2000", "--no-pager",
		"-u", "NetworkManager", "-u", "ModemManager", "-u", "systemd-resolved", "-u", "dhcpcd", "-u", "wpa_supplicant", "-t", "pppd", "-t", "wvdial"}, true},
	{"log/warnings.txt", "warnings and errors of all programs since the boot", []string{"journalctl", "-b", "0", "-p", "warning", "-n", "1000", "--no-pager"}, true},
	{"network/addresses.txt", "ip address", []string{"ip", "-details", "address"}, false},
	{"network/links.txt", "ip -statistics link", []string{"ip", "-statistics", "link"}, false},
	{"network/routes.txt", "ip route, all tables", []string{"ip", "route", "show", "table", "all"}, false},
	{"network/routes6.txt", "ip -6 route, all tables", []string{"ip", "-6", "route", "show", "table", "all"}, false},
	{"network/rules.txt", "ip rule", []string{"ip", "rule"}, false},
	{"network/neighbours.txt", "ip neighbour", []string{"ip", "neighbour"}, false},
	{"network/sockets.txt", "ss", []string{"ss", "-tunap"}, false},
	{"network/nft.txt", "nftables' rules", []string{"nft", "list", "ruleset"}, false},
	{"network/resolvectl.txt", "resolvectl status", []string{"resolvectl", "--no-pager", "status"}, false},
	{"network/nmcli.txt", "nmcli", []string{"nmcli", "--colors", "no"}, false},
	{"network/nmcli-connections.txt", "nmcli connection", []string{"nmcli", "--colors", "no", "connection", "show"}, false},
	{"network/modem.txt", "mmcli --modem any", []string{"mmcli", "--modem", "any"}, false},
	{"system/uname.txt", "kernel", []string{"uname", "-a"}, false},
	{"system/packages.txt", "versions of what the agent works with", []string{"dpkg-query", "-W", "edgeagent*", "openvpn*", "network-manager*", "modemmanager*",
		"systemd*", "openresolv*", "dhcpcd*", "ppp*", "polkitd*", "libc6*"}, false},
	{"system/units.txt", "systemctl status edgeagent*", []string{"systemctl", "status", "--no-pager", "-l", "edgeagent*", "openvpn*"}, false},
	{"system/failed.txt", "units that failed", []string{"systemctl", "list-units", "--failed", "--no-pager"}, false},
	{"system/clock.txt", "timedatectl", []string{"timedatectl", "--no-pager"}, false},
	{"system/disk.txt", "df", []string{"df", "-hT"}, false},
	{"system/processes.txt", "ps, without command lines: they may hold anything", []string{"ps", "-eo", "pid,ppid,user,stat,rss,etimes,comm"}, false},
}

// files are copied as they are, secrets out.
var files = []struct{ path, name, what string }{
	{"/etc/resolv.conf", "network/resolv.conf", "what programs ask"},
	{"/etc/resolv.conf.edgeagent-saved", "network/resolv.conf.saved", "what they asked before the agent"},
	{"/run/NetworkManager/resolv.conf", "network/resolv.conf.networkmanager", "the uplink's servers by NetworkManager"},
	{"/run/systemd/resolve/resolv.conf", "network/resolv.conf.resolved", "the uplink's servers by systemd-resolved"},
	{"/etc/nsswitch.conf", "network/nsswitch.conf", "who is asked for names"},
	{"/etc/hosts", "network/hosts", "names by hand"},
	{"/etc/os-release", "system/os-release", "the operating system"},
	{"/proc/meminfo", "system/meminfo.txt", "memory"},
	{"/proc/loadavg", "system/loadavg.txt", "load"},
	{"/proc/uptime", "system/uptime.txt", "time since the boot"},
	{"/proc/cmdline", "system/cmdline.txt", "how the kernel was started"},
	{"/proc/device-tree/model", "system/model.txt", "the board"},
	{"/etc/rpi-issue", "system/rpi-issue.txt", "the Raspberry Pi image"},
}

// System returns what is to be known of this device apart from the agent. The
// paths of files are below root, which is "" but in tests.
func System(root string) []Part {
	var parts []Part
	for _, f := range files {
		parts = append(parts, Part{Name: f.name, What: f.what, Get: func(context.Context) ([]byte, error) {
			return ReadFile(filepath.Join("/", root, f.path))
		}})
	}
	parts = append(parts, Part{Name: "system/kernel.txt", What: "the kernel's lines on USB, modem, network, power and disk", Get: kernelLog, End: true})
	for _, c := range commands {
		parts = append(parts, Part{Name: c.name, What: c.what, End: c.end, Get: func(ctx context.Context) ([]byte, error) {
			return output(ctx, c.argv...)
		}})
	}
	return parts
}

// ReadFile reads as much of a file as a part may hold. What is no file, a pipe
// that nobody writes to above all, is not waited for; that a file is missing is
// nothing unusual, and said so.
func ReadFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New("not there")
	}
	if err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.New("no file")
	}
	return io.ReadAll(io.LimitReader(f, maxPart+1))
}

// output runs a program. What it wrote to both outputs is of use even if it
// failed.
func output(ctx context.Context, argv ...string) ([]byte, error) {
	if _, err := exec.LookPath(argv[0]); err != nil {
		return nil, errors.New(argv[0] + " is not installed")
	}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SYSTEMD_COLORS=0", "SYSTEMD_PAGER=")
	cmd.WaitDelay = time.Second
	var out limited
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if err != nil && len(out.data) == 0 {
		return nil, fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	return out.data, nil
}

// limited keeps the end of what is written to it.
type limited struct{ data []byte }

// Write implements io.Writer.
func (l *limited) Write(p []byte) (int, error) {
	l.data = append(l.data, p...)
	if over := len(l.data) - 4*maxPart; over > 0 {
		l.data = bytes.Clone(l.data[over+maxPart:])
	}
	return len(p), nil
}

// telling are the kernel's lines that explain a lost link.
var telling = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)usb|tty|wwan|qmi|mbim|cdc|ppp|tun|eth\d|wlan|brcm|voltage|thrott|mmc|ext4|i/o error|oom|out of memory|watchdog|link is`)
})

func kernelLog(ctx context.Context) ([]byte, error) {
	text, err := output(ctx, "dmesg", "--ctime")
	if err != nil {
		return nil, err
	}
	var kept bytes.Buffer
	for line := range bytes.Lines(text) {
		if telling().Match(line) {
			kept.Write(line)
		}
	}
	return kept.Bytes(), nil
}
