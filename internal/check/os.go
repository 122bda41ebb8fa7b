package check

import (
	"context"
	"fmt"
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
		return skipped("`resolver.host: none`: other programs are on their own")
	}
	s := resolver.NewHost(resolver.HostOptions{Config: c, RuntimeDir: x.o.RuntimeDir, Log: discard()}).State()
	switch {
	case s.Pointed && x.daemon == nil:
		return fault("this device asks "+c.Listen.String()+", where nobody answers: the daemon does not run",
			"`sudo systemctl start edgeagent`, or `sudo edgeagent resolver restore` to go without it.")
	case !s.Pointed && x.daemon == nil:
		return skipped("the daemon does not run, this device has its own DNS: " + s.Detail)
	case !s.Pointed:
		return fault("private names of other programs go out in the open: "+s.Detail,
			"`sudo edgeagent resolver apply` points this device at the agent; find out what rewrites /etc/resolv.conf.")
	}
	return ok(fmt.Sprintf("the agent at %s (mode %s)", c.Listen, s.Mode))
}

// checkLeak looks the endpoint up as other programs do. It is only run while
// those ask the stub: otherwise the question itself would be the leak.
func checkLeak(ctx context.Context, x *examination) outcome {
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", x.config.Endpoint.Host)
	if err != nil {
		return fault(fmt.Sprintf("the agent knows the endpoint, other programs do not: %v", err),
			"`edgeagent status` shows what the dns stage lacks; /etc/hosts and /etc/nsswitch.conf may also come in between.")
	}
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	if public := outside(x.config.Endpoint.PrivateCIDRs, addrs); len(public) > 0 {
		return fault(fmt.Sprintf("other programs get %s for the endpoint: public", texts(public)),
			"`getent hosts "+x.config.Endpoint.Host+"` shows it; look for the name in /etc/hosts and for a second resolver.")
	}
	if !slices.Equal(addrs, x.addrs) {
		return warning(fmt.Sprintf("other programs get %s, the VPC resolver says %s", texts(addrs), texts(x.addrs)),
			"look for the name in /etc/hosts; a cache may be behind for a few minutes.")
	}
	return ok("other programs get " + texts(addrs) + ", too")
}

// outside returns the addresses that lie in none of the prefixes.
func outside(prefixes []netip.Prefix, addrs []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool {
		return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
	})
}

// zoneOf is what follows the first label.
func zoneOf(name string) string {
	_, zone, _ := strings.Cut(name, ".")
	return zone
}
