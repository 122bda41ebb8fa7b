package resolver

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/miekg/dns"
)

// scope says who may be asked for a name.
type scope int

const (
	scopePublic  scope = iota // the uplink
	scopeExempt               // the uplink, although it may lie in a private domain
	scopePrivate              // the VPC resolver through the link, or nobody
)

// names sorts names into scopes. Read-only after newNames.
type names struct {
	all     bool     // every name is private
	domains []string // flat
	exempt  []string // wire form
	reverse []netip.Prefix
	search  func() []string // the system's search list
}

func newNames(domains, exempt []string, reverse []netip.Prefix, search func() []string) names {
	n := names{reverse: reverse, search: search}
	for _, d := range domains {
		if flat := flatten(wire(d)); flat == "." {
			n.all = true
		} else if flat != "" {
			n.domains = append(n.domains, flat)
		}
	}
	for _, host := range exempt {
		if w := wire(host); len(w) > 1 {
			n.exempt = append(n.exempt, w)
		}
	}
	return n
}

// scope sorts a name in wire form. What is no name is private: in doubt it stays
// here.
func (n *names) scope(name string) scope {
	switch {
	case name == "":
		return scopePrivate
	case under(name, n.exempt):
		return scopeExempt
	case n.all, n.holds(flatten(name)), n.private(reversed(name)):
		return scopePrivate
	}
	return scopePublic
}

// holds reports whether flat is a name of a private domain, or holds one in
// front of a search list's suffix. Two labels in the middle of a name are taken
// for that whatever follows them: programs bring search lists of their own. A
// single label may stand there by chance (corp.example.com), so that the suffix
// must be one of the system's.
func (n *names) holds(flat string) bool {
	for _, d := range n.domains {
		if strings.HasSuffix(flat, d) {
			return true
		}
		if !strings.Contains(flat, d) {
			continue
		}
		if strings.Count(d, ".") > 2 || n.searched(flat, d) {
			return true
		}
	}
	return false
}

func (n *names) searched(flat, domain string) bool {
	for _, suffix := range n.search() {
		if strings.HasSuffix(flat, domain+strings.TrimPrefix(flatten(wire(suffix)), ".")) {
			return true
		}
	}
	return false
}

// private reports whether all addresses of p are private.
func (n *names) private(p netip.Prefix) bool {
	for _, r := range n.reverse {
		if p.IsValid() && p.Bits() >= r.Bits() && r.Contains(p.Addr()) {
			return true
		}
	}
	return false
}

// wire returns a name in wire form and lower case, the form that has one
// spelling only, or "" if name is none.
func wire(name string) string {
	var buf [256]byte
	n, err := dns.PackDomainName(dns.Fqdn(name), buf[:], 0, nil, false)
	if err != nil {
		return ""
	}
	for i, b := range buf[:n] {
		// Lengths are below 64: nothing but letters lies here.
		if 'A' <= b && b <= 'Z' {
			buf[i] = b + 'a' - 'A'
		}
	}
	return string(buf[:n])
}

// under reports whether the name is one of zones or lies under one, all in wire
// form.
func under(name string, zones []string) bool {
	for rest := name; rest != ""; rest = rest[1+int(rest[0]):] {
		for _, zone := range zones {
			if rest == zone {
				return true
			}
		}
	}
	return false
}

// flatten turns a name in wire form into ".label.label.", where every byte that
// host names do not have counts as a dot: a careless server may well read an
// escaped dot as a dot and a NUL as the end.
func flatten(name string) string {
	flat := make([]byte, len(name))
	end := 0
	for i := range len(name) {
		b := name[i]
		isLength := i == end
		if isLength {
			end += 1 + int(b)
		}
		if isLength || !hostByte(b) {
			b = '.'
		}
		flat[i] = b
	}
	return string(flat)
}

func hostByte(b byte) bool {
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b == '-' || b == '_'
}

// labels splits a name in wire form, the last label first.
func labels(name string) []string {
	var out []string
	for rest := name; len(rest) > 1; {
		end := 1 + int(rest[0])
		out = append([]string{rest[1:end]}, out...)
		rest = rest[end:]
	}
	return out
}

// reversed returns the addresses that a name in wire form under in-addr.arpa or
// ip6.arpa stands for: 6.0.10.in-addr.arpa is 10.0.6.0/24. What stands before
// the address, such as lb._dns-sd._udp, does not change them. Zero if none.
func reversed(name string) netip.Prefix {
	if !strings.HasSuffix(name, "\x04arpa\x00") {
		return netip.Prefix{} // nearly every name
	}
	l := labels(name)
	switch {
	case len(l) < 3 || l[0] != "arpa":
	case l[1] == "in-addr":
		return unreverse(l[2:], netip.IPv4Unspecified().AsSlice(), 8, 10)
	case l[1] == "ip6":
		return unreverse(l[2:], netip.IPv6Unspecified().AsSlice(), 4, 16)
	}
	return netip.Prefix{}
}

// unreverse fills addr from its first bit on with digits of the given width in
// bits, written to the given base.
func unreverse(digits []string, addr []byte, width, base int) netip.Prefix {
	bits := 0
	for _, d := range digits {
		v, err := strconv.ParseUint(d, base, width)
		if err != nil || bits == 8*len(addr) {
			break
		}
		addr[bits/8] |= byte(v) << (8 - width - bits%8)
		bits += width
	}
	if bits == 0 {
		return netip.Prefix{}
	}
	a, _ := netip.AddrFromSlice(addr)
	return netip.PrefixFrom(a, bits)
}
