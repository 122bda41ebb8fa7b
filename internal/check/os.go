package check

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

// checkOS looks whether the C library of this device asks the agent's stub, and
// nobody else.
func checkOS(_ context.Context, x *examination) outcome {
	c := x.config.Resolver
	if c.Host == config.HostNone {
		return skipped(say("os.none"))
	}
	s := resolver.NewHost(resolver.HostOptions{Config: c, RuntimeDir: x.o.RuntimeDir, Log: discard()}).State()
	switch {
	case s.Pointed && x.daemon == nil:
		return fault(say("os.nobody", c.Listen), say("os.nobody.fix"))
	case !s.Pointed && x.daemon == nil:
		return skipped(say("os.without", foreign(s.Detail)))
	case !s.Pointed:
		return fault(say("os.open", foreign(s.Detail)), say("os.open.fix"))
	}
	return ok(say("os.ok", c.Listen, s.Mode))
}

// checkLeak looks each private name up as other programs do. It is only run
// while those ask the stub: otherwise the question itself would be the leak.
func checkLeak(ctx context.Context, x *examination) outcome {
	found, good := list{between: "; "}, list{between: "; "}
	for _, n := range privateNames(x) {
		o := n.compare(ctx, x)
		switch o.state {
		case Error:
			return o
		case Warning:
			found.parts = append(found.parts, o.finding)
		}
		good.parts = append(good.parts, o.finding)
	}
	if len(found.parts) > 0 {
		return warning(found, say("leak.other.fix"))
	}
	return ok(good)
}

// privateName is a name and what the VPC resolver says of it.
type privateName struct {
	host  string
	addrs []netip.Addr
}

func privateNames(x *examination) []privateName {
	names := []privateName{{x.config.Endpoint.Host, x.addrs}}
	if host, _ := splitHostPort(x.config.Tunnel.Endpoint); len(x.tunnelAddrs) > 0 {
		names = append(names, privateName{host, x.tunnelAddrs})
	}
	return names
}

// compare asks the C library's way. IPv6 counts, too: programs prefer it.
func (n privateName) compare(ctx context.Context, x *examination) outcome {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", n.host)
	if err != nil {
		return fault(say("leak.unknown", n.host, osError(err)), say("leak.unknown.fix"))
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	if public := outside(x.config.Endpoint.PrivateCIDRs, addrs); len(public) > 0 {
		return fault(say("leak.public", texts(public), n.host), say("leak.public.fix", n.host))
	}
	if !slices.Equal(addrs, n.addrs) {
		return warning(say("leak.other", n.host, texts(addrs), texts(n.addrs)), nil)
	}
	return ok(say("leak.ok", n.host, texts(addrs)))
}

// osError is why the C library's way has no answer.
func osError(err error) words {
	var e *net.DNSError
	switch {
	case !errors.As(err, &e):
		return foreign(err.Error())
	case e.IsTimeout:
		return say("net.silent")
	case e.IsNotFound:
		return say("net.notfound")
	}
	return foreign(e.Err)
}

// outside returns the addresses that lie in none of the prefixes. Of IPv6 the
// prefixes seldom speak; its unique local addresses (RFC 4193) are nobody else's.
func outside(prefixes []netip.Prefix, addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return a.Is6() && a.IsPrivate() || slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// zoneOf is what follows the first label.
func zoneOf(name string) string {
	_, zone, _ := strings.Cut(name, ".")
	return zone
}
