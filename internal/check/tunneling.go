package check

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"

	"github.com/miekg/dns"

	"edgeagent/internal/resolver"
)

// checkTunnelingName looks for a private hosted zone that shadows the tunneling
// service: MQTT works then, and every tunnel fails.
func checkTunnelingName(ctx context.Context, x *examination) outcome {
	if !x.config.Tunnel.Enabled {
		return skipped("tunnels are disabled")
	}
	host, port := splitHostPort(x.config.Tunnel.Endpoint)
	if a, err := netip.ParseAddr(host); err == nil {
		return ok(host + " is an address").learning(remember(netip.AddrPortFrom(a, port)))
	}
	q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	r, err := new(resolver.Client).Exchange(ctx, q, netip.AddrPortFrom(x.path.Servers[0], 53), x.path.Device)
	switch {
	case err != nil:
		return fault(fmt.Sprintf("%s: %v", host, err), "check that the VPC's DNS is reachable over the link.")
	case r.Rcode == dns.RcodeNameError, r.Rcode == dns.RcodeSuccess && len(answersOf(r)) == 0:
		return fault(fmt.Sprintf("the VPC resolver does not know %s: the private hosted zone %s shadows it", host, shadow(x)),
			fmt.Sprintf("give that zone a record %s for the VPC endpoint of iot.tunneling.data (docs/aws-setup.md).", host))
	case r.Rcode != dns.RcodeSuccess:
		return fault(fmt.Sprintf("%s: %s answers %s", host, x.path.Servers[0], dns.RcodeToString[r.Rcode]), "check the VPC resolver and its forwarding rules in Route 53.")
	}
	return judgeTunneling(x, host, port, answersOf(r))
}

func judgeTunneling(x *examination, host string, port uint16, addrs []netip.Addr) outcome {
	public := outside(x.config.Endpoint.PrivateCIDRs, addrs)
	switch {
	case len(public) == 0:
		return ok(fmt.Sprintf("%s is %s", host, texts(addrs))).learning(remember(netip.AddrPortFrom(addrs[0], port)))
	case x.config.Tunnel.AllowPublic:
		return warning(fmt.Sprintf("%s is public (%s): tunnel data uses the internet, as `tunnel.allow_public` allows", host, texts(public)),
			"a VPC endpoint for iot.tunneling.data keeps it inside.")
	}
	return fault(fmt.Sprintf("%s is public (%s): no tunnel is opened", host, texts(public)),
		"make a VPC endpoint for iot.tunneling.data with private DNS, or set `tunnel.allow_public: true`.")
}

// shadow is the zone that most likely swallows the tunneling name.
func shadow(x *examination) string { return zoneOf(x.config.Endpoint.Host) }

func answersOf(r *dns.Msg) []netip.Addr {
	var addrs []netip.Addr
	for _, rr := range r.Answer {
		if a, ok := rr.(*dns.A); ok {
			addr, _ := netip.AddrFromSlice(a.A)
			addrs = append(addrs, addr.Unmap())
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return addrs
}

func remember(to netip.AddrPort) func(x *examination) {
	return func(x *examination) { x.tunneling = to }
}

func splitHostPort(s string) (string, uint16) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return s, 443
	}
	port, _ := strconv.ParseUint(text, 10, 16)
	return host, uint16(port)
}

// checkTunnelEndpoint completes TLS with the tunneling service, and says
// nothing to it: a WebSocket would need a token.
func checkTunnelEndpoint(ctx context.Context, x *examination) outcome {
	if !x.tunneling.IsValid() {
		return skipped("its name is public: the daemon alone dials it, for a tunnel")
	}
	host, _ := splitHostPort(x.config.Tunnel.Endpoint)
	d := boundDialer(x.path.Device)
	raw, err := d.DialContext(ctx, "tcp4", x.tunneling.String())
	if err != nil {
		return fault(fmt.Sprintf("%s: %s", x.tunneling, networkError(err)), "let TCP 443 from the VPN's range into the security group of the VPC endpoint iot.tunneling.data.")
	}
	defer raw.Close()
	roots, err := tunnelRoots(x)
	if err != nil {
		return fault(err.Error(), "check `tunnel.ca`; empty is right for AWS.")
	}
	secure := tls.Client(raw, &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		return fault(fmt.Sprintf("%s: TLS: %v", x.tunneling, err), "check `tunnel.ca` (empty is right for AWS), the package ca-certificates and the device's clock.")
	}
	return ok(fmt.Sprintf("%s at %s, TLS verified", host, x.tunneling))
}

func tunnelRoots(x *examination) (*x509.CertPool, error) {
	if x.config.Tunnel.CA == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(x.config.Tunnel.CA)
	if err != nil {
		return nil, fmt.Errorf("reading tunnel.ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, errors.New("no certificate in " + x.config.Tunnel.CA)
	}
	return pool, nil
}
