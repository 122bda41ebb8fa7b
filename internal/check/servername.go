package check

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
	"edgeagent/internal/vpn"
)

// checkServerName asks the uplink's name servers, past the OS, for the names
// that bring the OpenVPN links up.
func checkServerName(ctx context.Context, x *examination) outcome {
	names := serverNames(x.config)
	if len(names) == 0 {
		return skipped("no link has a server's name to look up")
	}
	host := resolver.NewHost(resolver.HostOptions{Config: x.config.Resolver, RuntimeDir: x.o.RuntimeDir, Log: discard()})
	servers := host.Upstream()
	if len(servers) == 0 {
		return fault("this device knows no DNS server of its uplink",
			"check DHCP on this site's router, or set `resolver.upstream`.")
	}
	var found []string
	for _, name := range names {
		addrs, err := lookUp(ctx, servers, name)
		if err != nil {
			return fault(fmt.Sprintf("%s: %v", name, err), "check that this site's DNS answers, and the `remote` line of the .ovpn file.")
		}
		if inside := privateOf(addrs); inside != "" {
			return fault(fmt.Sprintf("%s resolves to %s, an address inside some network: a captive portal or a filter answers for it", name, inside),
				"log in to this site's portal, or have the name let through; other DNS servers can be set in `resolver.upstream`.")
		}
		found = append(found, fmt.Sprintf("%s is %s", name, texts(addrs)))
	}
	return ok(strings.Join(found, "; "))
}

func serverNames(c config.Config) []string {
	var all []string
	for _, l := range c.Links {
		if l.Config == "" {
			continue
		}
		names, err := vpn.Remotes(l.Config)
		if err != nil {
			continue // link.profile says why
		}
		all = append(all, names...)
	}
	return all
}

// lookUp asks each server in turn. AWS answers a Client VPN name only under a
// random label; a server that wants none knows the bare name.
func lookUp(ctx context.Context, servers []netip.AddrPort, name string) ([]netip.Addr, error) {
	err := errors.New("no name server was asked")
	for _, server := range servers {
		for _, ask := range []string{name, label() + "." + name} {
			var addrs []netip.Addr
			if addrs, err = lookUpOne(ctx, server, ask); err == nil {
				return addrs, nil
			}
		}
	}
	return nil, err
}

func lookUpOne(ctx context.Context, server netip.AddrPort, name string) ([]netip.Addr, error) {
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	r, err := new(resolver.Client).Exchange(ctx, q, server, "")
	if err != nil {
		return nil, err
	}
	addrs := answersOf(r)
	if len(addrs) == 0 {
		return nil, fmt.Errorf("%s answers %s, without an address", server.Addr(), dns.RcodeToString[r.Rcode])
	}
	return addrs, nil
}

func label() string {
	var b [6]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// privateOf returns the first address that no Client VPN server has.
func privateOf(addrs []netip.Addr) string {
	for _, a := range addrs {
		if a.IsPrivate() || a.IsLoopback() || a.IsUnspecified() || a.IsLinkLocalUnicast() {
			return a.String()
		}
	}
	return ""
}

func texts(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs {
		list = append(list, a.String())
	}
	return strings.Join(list, ", ")
}
