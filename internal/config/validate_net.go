package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// resolvedStubs are systemd-resolved's own listeners. Asked by the stub, they
// may well ask the stub.
var resolvedStubs = []netip.Addr{netip.MustParseAddr("127.0.0.53"), netip.MustParseAddr("127.0.0.54")}

// dnsPort is the only port that resolv.conf can point to.
const dnsPort = 53

// resolver checks where names are asked, and that no question can go in a circle.
func (r *reader) resolver(c Config) {
	r.oneOf("resolver.host", c.Resolver.Host, HostAuto, HostResolved, HostResolvconf, HostFile, HostNone)
	r.listen(c.Resolver)
	r.domains(c.Resolver.Domains)
	ranges := slices.Concat(c.Endpoint.PrivateCIDRs, Default().Endpoint.PrivateCIDRs)
	for i, a := range c.Resolver.Servers {
		r.server(fmt.Sprintf("resolver.servers[%d]", i), a, ranges)
	}
	for i, a := range c.Resolver.Upstream {
		r.upstream(fmt.Sprintf("resolver.upstream[%d]", i), a, c.Resolver)
	}
}

// listen checks the stub's own address. A stub that the network reaches would be
// an open resolver into the VPC.
func (r *reader) listen(c Resolver) {
	const path = "resolver.listen"
	named := c.Host == HostFile || c.Host == HostResolvconf
	switch {
	case !c.Listen.IsValid():
		r.refuse(path, "no address", "write 127.0.0.153:53")
	case !c.Listen.Addr().IsLoopback():
		r.refuse(path, "not loopback", "write an address that only this device reaches: 127.0.0.153:53")
	case slices.Contains(resolvedStubs, c.Listen.Addr()):
		r.refuse(path, "systemd-resolved's own address", "write 127.0.0.153:53")
	case c.Listen.Port() == 0:
		r.refuse(path, "port 0", "write a fixed port: 53")
	case named && c.Listen.Port() != dnsPort:
		r.refuse(path, "unreachable for resolver.host "+c.Host, "write port 53: resolv.conf has no ports")
	}
}

// domains checks the names that only the VPC may answer.
func (r *reader) domains(domains []string) {
	const path = "resolver.domains"
	if len(domains) == 0 {
		r.fault(path, "an empty list", "delete the line for the default, [amazonaws.com]")
	}
	for i, d := range domains {
		item := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case d == "." && len(domains) > 1:
			r.refuse(item, "which already covers the others", "write [\".\"] alone, or only names")
		case d == ".":
		case strings.HasPrefix(d, "*.") || strings.HasPrefix(d, "."):
			r.refuse(item, "with a beginning that is not needed", "write "+strings.TrimLeft(d, "*.")+": it covers all below it")
		case !isHostname(d):
			r.refuse(item, "not a domain name", "write a name without dot at the end")
		}
	}
}

// server checks an address of the VPC resolver: a public one would learn, and
// could answer, the names that belong to the VPC.
func (r *reader) server(path string, a netip.Addr, ranges []netip.Prefix) {
	inside := func(p netip.Prefix) bool { return p.Contains(a) }
	switch {
	case !a.Is4():
		r.refuse(path, "not IPv4", "write the IPv4 address: the link carries no IPv6")
	case a.IsLoopback():
		r.refuse(path, "this device itself", "write the address inside the VPC: its range's first address plus 2")
	case isLocal(a):
		r.refuse(path, "not reachable through a link", "write the address inside the VPC: its range's first address plus 2")
	case !slices.ContainsFunc(ranges, inside):
		r.refuse(path, "a public address", "write the VPC resolver's, or add its range to endpoint.private_cidrs")
	}
}

// upstream checks a server for all other names. The VPN's own name is one of
// them: a server behind the link could never bring the link up.
func (r *reader) upstream(path string, a netip.Addr, c Resolver) {
	switch {
	case a.IsUnspecified() || a.IsMulticast():
		r.refuse(path, "not a server's address", "write the address of the site's DNS server")
	case a == c.Listen.Addr():
		r.refuse(path, "the agent's own address (resolver.listen)", "delete it: the agent would ask itself")
	case slices.Contains(resolvedStubs, a) && c.Host != HostNone:
		r.refuse(path, "systemd-resolved, which asks the agent", "delete it: the servers behind it are found by themselves")
	case slices.Contains(c.Servers, a):
		r.refuse(path, "also in resolver.servers", "delete it: it cannot answer while the link is down")
	}
}

// regionOf finds the region in the name of an IoT endpoint.
var regionOf = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\.iot\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?$`)
})

// endpoint checks the name that everything else is about.
func (r *reader) endpoint(c Config) {
	const path = "endpoint.host"
	r.prefixes("endpoint.private_cidrs", c.Endpoint.PrivateCIDRs)
	between(r, "endpoint.port", c.Endpoint.Port, 1, 65535)
	if !r.required(path, c.Endpoint.Host, "add the account's endpoint") {
		return
	}
	host := strings.ToLower(c.Endpoint.Host)
	if why, todo := hostFault(host); why != "" {
		r.refuse(path, why, todo)
		return
	}
	if m := regionOf().FindStringSubmatch(host); m != nil && m[1] != c.Device.Region && regionName().MatchString(c.Device.Region) {
		r.refuse(path, "in another region than device.region ("+c.Device.Region+")", "make the two agree")
	}
}

// hostFault says why a text is not a host name, and what to do.
func hostFault(host string) (why, todo string) {
	_, err := netip.ParseAddr(host)
	switch {
	case strings.Contains(host, "/"):
		return "a URL", "write the name alone, without mqtts:// and without a path"
	case err == nil:
		return "an address", "write the name: the certificate is for the name"
	case strings.Contains(host, ":"):
		return "with a port", "write the port as endpoint.port"
	case strings.HasSuffix(host, "."):
		return "with a dot at the end", "delete the dot"
	case !isHostname(host):
		return "not a host name", "write letters, digits, hyphens and dots only"
	}
	return "", ""
}

var hostLabel = nameRule{also: "-", longest: 63}

// isHostname follows RFC 1123, section 2.1.
func isHostname(name string) bool {
	const maxBytes = 253
	if len(name) > maxBytes {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if !hostLabel.accepts(label) || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
	}
	return true
}

// hostPort reports whether text is HOST:PORT with a name or an address.
func hostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return false
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return !a.IsUnspecified() && !a.IsMulticast()
	}
	return isHostname(host)
}
