package vpn

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// linux is the kernel that this program runs on.
type linux struct{}

// watched are the netlink groups that tell of links, addresses, routes and rules.
var watched = []uint{
	unix.RTNLGRP_LINK,
	unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE,
	unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV6_ROUTE, unix.RTNLGRP_IPV6_RULE,
}

// Watch's channel holds one event: what changed is read from View, so that a
// burst, or one that overran the socket's buffer, is as good as a single event.
func (linux) Watch(ctx context.Context) (<-chan struct{}, error) {
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, watched...)
	if err != nil {
		return nil, fmt.Errorf("watching the network: %w", err)
	}
	changed := make(chan struct{}, 1)
	context.AfterFunc(ctx, socket.Close)
	go func() {
		for {
			_, _, err := socket.Receive()
			if ctx.Err() != nil {
				return
			}
			var errno unix.Errno
			if errors.As(err, &errno) && errno != unix.ENOBUFS && errno != unix.EINTR {
				return // the socket itself is broken
			}
			select {
			case changed <- struct{}{}:
			default:
			}
		}
	}()
	return changed, nil
}

// View takes three dumps. They are not of one moment, but a change between
// them is an event, and leads to another View.
func (linux) View() (view, error) {
	links, err := dump(netlink.LinkList)
	if err != nil {
		return view{}, fmt.Errorf("listing links: %w", err)
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return view{}, fmt.Errorf("listing addresses: %w", err)
	}
	routes, err := dump(mainRoutes)
	if err != nil {
		return view{}, fmt.Errorf("listing routes: %w", err)
	}
	v := view{links: newDevices(links, addrs)}
	for _, r := range routes {
		v.routes = append(v.routes, newRoutes(r)...)
	}
	return v, nil
}

// dump repeats a listing that a change interrupted.
func dump[T any](list func() ([]T, error)) ([]T, error) {
	const tries = 5
	var out []T
	var err error
	for range tries {
		if out, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return out, err
}

// mainRoutes lists both families. The agent adds to the main table only.
func mainRoutes() ([]netlink.Route, error) {
	return netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
}

// newDevices gives each link its addresses. They are sorted by link first:
// a gateway with containers has hundreds of both.
func newDevices(links []netlink.Link, addrs []netlink.Addr) []device {
	of := map[int][]netip.Prefix{}
	for i := range addrs {
		if a := &addrs[i]; a.IPNet != nil {
			of[a.LinkIndex] = append(of[a.LinkIndex], prefix(a.IPNet))
		}
	}
	devices := make([]device, 0, len(links))
	for _, l := range links {
		d := newDevice(l.Attrs())
		d.addresses = of[d.index]
		devices = append(devices, d)
	}
	return devices
}

// newDevice takes from a link what the link stage looks at, but its addresses.
func newDevice(a *netlink.LinkAttrs) device {
	return device{
		name: a.Name, index: a.Index, mtu: a.MTU,
		set: a.RawFlags&unix.IFF_UP != 0,
		// A tun device's operational state is unknown: RUNNING is what it has.
		up:       a.RawFlags&unix.IFF_UP != 0 && a.RawFlags&unix.IFF_RUNNING != 0,
		loopback: a.RawFlags&unix.IFF_LOOPBACK != 0,
	}
}

// prefix keeps the host part: of an address, not of a network, it is the point.
func prefix(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	bits, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), bits)
}

// newRoutes turns a netlink route into one for each of its next hops.
func newRoutes(r netlink.Route) []route {
	one := route{metric: r.Priority, protocol: int(r.Protocol), index: r.LinkIndex, unreachable: r.Type == unix.RTN_UNREACHABLE}
	if r.Dst != nil {
		one.dst = prefix(r.Dst)
	} else if r.Family == netlink.FAMILY_V6 {
		one.dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	} else {
		one.dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	one.gateway = address(r.Gw)
	if len(r.MultiPath) == 0 {
		return []route{one}
	}
	var out []route
	for _, h := range r.MultiPath {
		one.index, one.gateway = h.LinkIndex, address(h.Gw)
		out = append(out, one)
	}
	return out
}

// address returns the invalid address for none.
func address(ip net.IP) netip.Addr {
	addr, ok := netip.AddrFromSlice(ip)
	if !ok {
		return netip.Addr{}
	}
	return addr.Unmap()
}

// Change does what it can and returns all that failed.
func (linux) Change(remove, add []route) error {
	var errs []error
	for _, r := range remove {
		// Gone already, with its device for instance, is as good.
		if err := netlink.RouteDel(r.netlink()); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("removing route %s: %w", r.dst, err))
		}
	}
	for _, r := range add {
		// A host route is needed whatever stood in its place; a range of
		// somebody else is not replaced.
		set := netlink.RouteAdd
		if r.dst.IsSingleIP() && !r.unreachable {
			set = netlink.RouteReplace
		}
		err := set(r.netlink())
		if errors.Is(err, unix.EEXIST) && dialledInto(r.dst) {
			// Without NLM_F_EXCL the kernel puts an IPv4 route before its equals.
			err = netlink.RouteAddEcmp(r.netlink())
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("adding route %s: %w", r.dst, err))
		}
	}
	return errors.Join(errs...)
}

// dialledInto reports whether all routes for dst lead straight into a device and
// were made by a program: wg-quick and pppd add one for the range that they
// lead to, though another link may carry. A network of this device (made by the
// kernel) and a router's way are somebody else's.
func dialledInto(dst netip.Prefix) bool {
	routes, err := dump(mainRoutes)
	return err == nil && !slices.ContainsFunc(routes, func(r netlink.Route) bool {
		return r.Dst != nil && prefix(r.Dst) == dst && r.Type == unix.RTN_UNICAST &&
			(r.Protocol == unix.RTPROT_KERNEL || len(r.Gw) > 0 || len(r.MultiPath) > 0)
	})
}

// netlink puts a route into the library's terms.
func (r route) netlink() *netlink.Route {
	n := &netlink.Route{
		Dst:       &net.IPNet{IP: r.dst.Addr().AsSlice(), Mask: net.CIDRMask(r.dst.Bits(), r.dst.Addr().BitLen())},
		LinkIndex: r.index,
		Protocol:  netlink.RouteProtocol(r.protocol),
		Priority:  r.metric,
	}
	switch {
	case r.unreachable:
		n.Type = unix.RTN_UNREACHABLE
	case r.gateway.IsValid():
		n.Gw = r.gateway.AsSlice()
	case r.dst.Addr().Is4():
		n.Scope = netlink.SCOPE_LINK
	}
	return n
}

// Leaves asks with RTM_GETROUTE: rules and other tables have their say.
func (linux) Leaves(addr netip.Addr) (int, error) {
	routes, err := netlink.RouteGet(addr.AsSlice())
	if err != nil {
		return 0, fmt.Errorf("asking the kernel for the way to %s: %w", addr, err)
	}
	if len(routes) == 0 {
		return 0, nil
	}
	return routes[0].LinkIndex, nil
}
