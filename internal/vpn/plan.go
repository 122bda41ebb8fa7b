package vpn

import (
	"net/netip"
	"slices"
)

// wanted is what should be routed through the link.
type wanted struct {
	ranges []netip.Prefix      // configured VPC ranges
	hosts  []netip.Addr        // resolvers, and what Route was given
	full   bool                // all traffic
	forced map[netip.Addr]bool // hosts that get a route of their own in any case
	server netip.Addr          // the VPN server, which must stay on the uplink
}

// halves together cover everything and are more specific than any default
// route, so that the uplink's own need not be touched (redirect-gateway def1).
var halves = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}

// plan decides which routes the link needs, given the network as it is. A
// range that equals or lies within the network of another device is withheld,
// as it would take that network away; what is needed in it gets host routes. A
// range that is wider takes nothing away: the network's own route is longer.
func (w wanted) plan(v view, tun device, up hop) (routes []route, withheld []netip.Prefix) {
	ranges := w.expand()
	networks := v.connected(tun.index)
	add := func(p netip.Prefix) {
		r := route{dst: p.Masked(), index: tun.index, protocol: protocol}
		if !slices.Contains(routes, r) {
			routes = append(routes, r)
		}
	}
	for _, p := range ranges {
		if slices.ContainsFunc(networks, func(n netip.Prefix) bool { return within(p, n) }) {
			withheld = append(withheld, p)
			continue
		}
		add(p)
	}
	for _, h := range w.hosts {
		if w.forced[h] || !covered(h, routes, networks) {
			add(netip.PrefixFrom(h, h.BitLen()))
		}
	}
	if r, needed := serverRoute(routes, w.server, up); needed {
		routes = slices.DeleteFunc(routes, func(other route) bool { return other.dst == r.dst })
		routes = append(routes, r)
	}
	return routes, withheld
}

// expand returns the ranges with a default route written as its halves.
func (w wanted) expand() []netip.Prefix {
	var out []netip.Prefix
	for _, p := range w.ranges {
		if p.Bits() == 0 && p.Addr().Is4() {
			out = append(out, halves...)
		} else {
			out = append(out, p.Masked())
		}
	}
	if w.full {
		out = append(out, halves...)
	}
	return out
}

// serverRoute returns the route that keeps the VPN server on the uplink; needed
// is false if none of routes would take it away.
func serverRoute(routes []route, server netip.Addr, up hop) (r route, needed bool) {
	if !up.ok() || !slices.ContainsFunc(routes, func(r route) bool { return r.dst.Contains(server) }) {
		return route{}, false
	}
	own := netip.PrefixFrom(server, server.BitLen())
	return route{dst: own, index: up.index, gateway: up.gateway, protocol: protocol}, true
}

// within reports whether p equals n or is a part of it.
func within(p, n netip.Prefix) bool {
	return p.Bits() >= n.Bits() && n.Contains(p.Addr())
}

// covered reports whether host leaves by one of routes already, and no
// network of another device is more specific.
func covered(host netip.Addr, routes []route, networks []netip.Prefix) bool {
	longest := -1
	for _, r := range routes {
		if r.dst.Contains(host) {
			longest = max(longest, r.dst.Bits())
		}
	}
	for _, n := range networks {
		if n.Contains(host) && n.Bits() >= longest {
			return false
		}
	}
	return longest >= 0
}

// difference returns what is to be removed from have and added to it to get
// want.
func difference(have, want []route) (remove, add []route) {
	for _, r := range have {
		if !slices.ContainsFunc(want, r.same) {
			remove = append(remove, r)
		}
	}
	for _, r := range want {
		if !slices.ContainsFunc(have, r.same) {
			add = append(add, r)
		}
	}
	return remove, add
}
