package resolver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	maxConfSize = 64 << 10 // bytes; a resolv.conf is a few lines
	maxServers  = 3        // how many of a resolv.conf's servers glibc asks (MAXNS)
)

// hostConf is a resolv.conf(5) as far as it matters here.
type hostConf struct {
	servers []netip.Addr
	search  []string
	options []string
	owner   string // who wrote it, by its comments; "" if they do not tell
}

// readConf reads a resolv.conf. Its error wraps fs.ErrNotExist as os.Open's does.
func readConf(path string) (hostConf, error) {
	data, err := readSmall(path)
	if err != nil {
		return hostConf{}, err
	}
	return parseConf(data), nil
}

// readSmall reads a regular file. It does not wait for a pipe's other end.
func readSmall(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, errors.Join(fmt.Errorf("%s is not a regular file", path), err)
	}
	return io.ReadAll(io.LimitReader(f, maxConfSize))
}

// parseConf reads lines as glibc does: a keyword at the very beginning, the last
// search or domain counts.
func parseConf(data []byte) hostConf {
	var c hostConf
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case line[0] == '#' || line[0] == ';':
			if c.owner == "" {
				c.owner = ownerOf(line)
			}
		case len(fields) < 2 || line[0] == ' ' || line[0] == '\t':
		case fields[0] == "nameserver":
			if addr, err := netip.ParseAddr(fields[1]); err == nil {
				c.servers = append(c.servers, addr)
			}
		case fields[0] == "search":
			c.search = fields[1:]
		case fields[0] == "domain":
			c.search = fields[1:2]
		case fields[0] == "options":
			c.options = append(c.options, fields[1:]...)
		}
	}
	return c
}

// ownerMarks are what programs write into the comments of their resolv.conf,
// and who they are. The first that fits counts.
var ownerMarks = []struct{ mark, owner string }{
	{"networkmanager", "NetworkManager"},
	{"systemd-resolved", "systemd-resolved"},
	{"dhclient", "dhclient"},
	{"dhcpcd", "dhcpcd"},
	{"/etc/resolv.conf.head", "dhcpcd"},
	{"resolv.conf from ", "dhcpcd"}, // before version 9
	{"resolvconf", "resolvconf"},
	{"connection manager", "connman"},
	{"tailscale", "tailscale"},
	{"netconfig", "netconfig"},
	{"pppd", "pppd"},
	{"cloud-init", "cloud-init"},
	{"docker", "Docker"},
}

func ownerOf(comment string) string {
	comment = strings.ToLower(comment)
	for _, m := range ownerMarks {
		if strings.Contains(comment, m.mark) {
			return m.owner
		}
	}
	return ""
}

// targetOwner tells by where a symbolic link leads who made it.
func targetOwner(target string) string {
	for _, m := range []struct{ dir, owner string }{
		{"NetworkManager/", "NetworkManager"},
		{"systemd/resolve/", "systemd-resolved"},
		{"resolvconf/", "resolvconf"},
		{"connman/", "connman"},
		{"/ppp/", "pppd"},
		{"netconfig/", "netconfig"},
	} {
		if strings.Contains(target, m.dir) {
			return m.owner
		}
	}
	return ""
}

// onlyAsks reports whether a program with this resolv.conf asks server and
// nobody else.
func (c hostConf) onlyAsks(server netip.Addr) bool {
	asked := c.servers[:min(len(c.servers), maxServers)]
	return len(asked) > 0 && !slices.ContainsFunc(asked, func(a netip.Addr) bool { return a.Unmap() != server })
}

const (
	confHeader = "# Written by edgeagent: private names are asked of the VPC, all others of the uplink.\n" +
		"# `edgeagent resolver restore` undoes it. Changes made here do not last.\n"
	sumPrefix = "# sum "
)

// render writes the resolv.conf that names the stub. From what it replaces it
// takes the search list and how that is used (ndots), nothing else: trust-ad
// would vouch for servers we know nothing of.
func render(stub netip.Addr, was hostConf) []byte {
	var body bytes.Buffer
	fmt.Fprintf(&body, "nameserver %s\n", stub)
	if len(was.search) > 0 {
		fmt.Fprintf(&body, "search %s\n", strings.Join(was.search, " "))
	}
	options := []string{"edns0"}
	for _, o := range was.options {
		if strings.HasPrefix(o, "ndots:") {
			options = append(options, o)
		}
	}
	fmt.Fprintf(&body, "options %s\n", strings.Join(options, " "))
	return []byte(confHeader + sumPrefix + sum(body.Bytes()) + "\n" + body.String())
}

// untouched reports whether data is as render made it.
func untouched(data []byte) bool {
	rest, ok := bytes.CutPrefix(data, []byte(confHeader+sumPrefix))
	line, body, found := bytes.Cut(rest, []byte("\n"))
	return ok && found && string(line) == sum(body)
}

// withoutStub returns a resolv.conf without our header and the stub's address.
func withoutStub(data []byte, stub netip.Addr) []byte {
	var out []byte
	for line := range bytes.Lines(data) {
		ours := strings.Contains(confHeader, string(line)) || bytes.HasPrefix(line, []byte(sumPrefix))
		if !ours && !parseConf(line).onlyAsks(stub) {
			out = append(out, line...)
		}
	}
	return out
}

func sum(body []byte) string {
	h := sha256.Sum256(body)
	return hex.EncodeToString(h[:8])
}
