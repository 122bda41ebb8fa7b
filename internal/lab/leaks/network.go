package leaks

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"edgeagent/internal/lab"
)

// network counts what the kernel of the device holds: interfaces, addresses,
// routes, rules and nftables' rule set.
func (c *Census) network(ctx context.Context, l *lab.Lab) error {
	for _, q := range []struct {
		kind kind
		argv string
	}{
		{device, "ip -o link"},
		{address, "ip -o address"},
		{route, "ip -4 -o route show table all"},
		{route, "ip -6 -o route show table all"},
		{rule, "ip -4 -o rule"},
		{rule, "ip -6 -o rule"},
		{filter, "nft list ruleset"},
	} {
		argv := strings.Fields(q.argv)
		out, err := l.Device.Run(ctx, argv[0], argv[1:]...)
		if err != nil {
			return err
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		for _, line := range lines {
			if q.kind == route && covered(line, lines) {
				continue
			}
			if item := normal(q.kind, line); item != "" {
				c.add(q.kind, item)
			}
		}
	}
	return nil
}

// What differs between two equal states of a device, and why.
var (
	// The kernel numbers interfaces as they are made, and the kind of queue and the
	// state that ip adds are the kernel's business.
	ifindex = regexp.MustCompile(`^\d+: `)
	// OpenVPN takes the first tun device that is free, which is the second one if it
	// is quicker than the end of the process before it.
	tunName = regexp.MustCompile(`\btun\d+\b`)
	// The agent numbers a link's own routing table by the interface's number.
	ownTable = regexp.MustCompile(`\b(table|lookup) 158\d{3}\b`)
	// The kernel makes up a link-local address for each new interface, and seconds
	// later, when nobody else on the link has it, the route to it.
	linkLocal = regexp.MustCompile(`\bfe80::[0-9a-f:]*[0-9a-f]\b`)
	// Lifetimes run down, packets are counted.
	moving = regexp.MustCompile(`\b(expires|valid_lft|preferred_lft) \w+\b|\bcounter packets \d+ bytes \d+\b`)
	// A cable that is out for a moment does not take routes along.
	carrier = regexp.MustCompile(`\b(linkdown|dead)\b`)
	// Addresses that may be from the VPN server's pool.
	anyIPv4 = regexp.MustCompile(`\b\d+\.\d+\.\d+\.\d+\b`)
)

// agentRoute is a route of the agent's in the main table, by the protocol number
// that marks them.
var agentRoute = regexp.MustCompile(`^(\S+) dev (\S+) proto 158 `)

// covered reports whether a route of the agent's is for one host inside a range
// that the agent routes over the same device. A host that was led elsewhere for a
// moment keeps a route of its own from then on, by intent, and never more than one.
func covered(line string, lines []string) bool {
	host := agentRoute.FindStringSubmatch(line)
	if host == nil {
		return false
	}
	addr, err := netip.ParseAddr(host[1])
	if err != nil {
		return false
	}
	return slices.ContainsFunc(lines, func(other string) bool {
		wide := agentRoute.FindStringSubmatch(other)
		if wide == nil || wide[2] != host[2] {
			return false
		}
		p, err := netip.ParsePrefix(wide[1])
		return err == nil && p.Contains(addr)
	})
}

// normal is a line without what differs between equal states, empty if nothing is
// left of it.
func normal(k kind, line string) string {
	if linkLocal.MatchString(line) {
		return ""
	}
	line = ifindex.ReplaceAllString(strings.ReplaceAll(line, `\`, " "), "")
	line = tunName.ReplaceAllString(line, "tunN")
	line = ownTable.ReplaceAllString(line, "$1 158N")
	line = moving.ReplaceAllString(line, "")
	line = carrier.ReplaceAllString(line, "")
	line = anyIPv4.ReplaceAllStringFunc(line, unpooled)
	fields := strings.Fields(line)
	if k == device && len(fields) > 0 {
		return strings.TrimSuffix(fields[0], ":") // its flags follow its work
	}
	return strings.Join(fields, " ")
}

// unpooled hides which address the VPN server has given: a client that it has not
// seen leave gets another one.
func unpooled(text string) string {
	a, err := netip.ParseAddr(text)
	last := lab.VPNClients.Masked().Addr().As4()
	last[3] |= 1<<(32-lab.VPNClients.Bits()) - 1 // the broadcast address is no client's
	if err != nil || !lab.VPNClients.Contains(a) || a == lab.VPNClients.Addr() || a == netip.AddrFrom4(last) {
		return text
	}
	return "VPN-ADDRESS"
}
