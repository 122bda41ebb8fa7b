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
	"strings"

	"github.com/miekg/dns"

	"edgeagent/internal/resolver"
)

// checkTunnelingName looks for a private hosted zone that shadows the tunneling
// service: MQTT works then, and every tunnel fails.
func checkTunnelingName(ctx context.Context, x *examination) outcome {
	if !x.config.Tunnel.Enabled {
		return skipped(say("tunnel.disabled"))
	}
	host, port := splitHostPort(x.config.Tunnel.Endpoint)
	if a, err := netip.ParseAddr(host); err == nil {
		return ok(say("tunneling.address", host)).learning(remember([]netip.Addr{a}, port))
	}
	server := x.path.Servers[0]
	q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	r, err := new(resolver.Client).Exchange(ctx, q, netip.AddrPortFrom(server, 53), x.path.Device)
	switch {
	case err != nil:
		return fault(say("name.fault", host, lookUpError(server, err)), say("tunneling.dns.fix"))
	case r.Rcode == dns.RcodeNameError, r.Rcode == dns.RcodeSuccess && len(answersOf(r)) == 0:
		return fault(say("tunneling.shadow", host, shadow(x, r)), say("tunneling.shadow.fix", host))
	case r.Rcode != dns.RcodeSuccess:
		return fault(say("name.fault", host, say("dns.rcode", server, dns.RcodeToString[r.Rcode])), say("tunneling.rcode.fix"))
	}
	return judgeTunneling(x, host, port, answersOf(r))
}

func judgeTunneling(x *examination, host string, port uint16, addrs []netip.Addr) outcome {
	public := outside(x.config.Endpoint.PrivateCIDRs, addrs)
	switch {
	case len(public) == 0:
		return ok(say("name.is", host, texts(addrs))).learning(remember(addrs, port))
	case x.config.Tunnel.AllowPublic:
		return warning(say("tunneling.allowed", host, texts(public)), say("tunneling.allowed.fix"))
	}
	return fault(say("tunneling.public", host, texts(public)), say("tunneling.public.fix"))
}

// shadow is the zone that swallows the tunneling name: the one whose SOA record
// comes with the negative answer (RFC 2308), else the likeliest.
func shadow(x *examination, r *dns.Msg) string {
	for _, rr := range r.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			return strings.TrimSuffix(soa.Hdr.Name, ".")
		}
	}
	return zoneOf(x.config.Endpoint.Host)
}

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

func remember(addrs []netip.Addr, port uint16) func(x *examination) {
	return func(x *examination) { x.tunnelAddrs, x.tunnelPort = addrs, port }
}

func splitHostPort(s string) (string, uint16) {
	host, text, err := net.SplitHostPort(s)
	if err != nil {
		return s, 443
	}
	port, _ := strconv.ParseUint(text, 10, 16)
	return host, uint16(port)
}

// checkTunnelEndpoint connects to each address of the tunneling service and
// completes TLS with the first that answers. It says nothing to it: a WebSocket
// would need a token.
func checkTunnelEndpoint(ctx context.Context, x *examination) outcome {
	if len(x.tunnelAddrs) == 0 {
		return skipped(say("tunnel.public"))
	}
	fix := say("tunnel.tcp.fix", x.tunnelPort)
	reached, lost := connectAll(ctx, x.path.Device, x.tunnelAddrs, x.tunnelPort)
	if len(reached) == 0 {
		return fault(lost, fix)
	}
	roots, err := tunnelRoots(x)
	if err != nil {
		return fault(foreign(err.Error()), say("tunnel.ca.fix"))
	}
	host, _ := splitHostPort(x.config.Tunnel.Endpoint)
	agreed, err := handshake(ctx, x.path.Device, reached[0], &tls.Config{ServerName: host, RootCAs: roots, MinVersion: tls.VersionTLS12})
	switch {
	case err != nil:
		return fault(say("tunnel.tls", reached[0], networkError(err)), say("tunnel.tls.fix"))
	case len(lost.parts) > 0:
		return warning(say("tcp.some", lost, addrPorts(reached)), fix)
	}
	return ok(secured(addrPorts(reached), host, agreed))
}

// handshake opens a connection for TLS and closes it again.
func handshake(ctx context.Context, device string, to netip.AddrPort, c *tls.Config) (tls.ConnectionState, error) {
	d := boundDialer(device)
	raw, err := d.DialContext(ctx, "tcp4", to.String())
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer raw.Close()
	secure := tls.Client(raw, c)
	err = secure.HandshakeContext(ctx)
	return secure.ConnectionState(), err
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
