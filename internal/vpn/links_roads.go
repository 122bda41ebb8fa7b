package vpn

import (
	"net/netip"
	"slices"
	"sync"

	"edgeagent/internal/config"
)

// guardMetric is behind every other route, also behind those that
// NetworkManager puts back by 20000. It fits an int of 32 bits.
const guardMetric = 2_000_000_000

// roads owns the agent's routes of all links. Two links want the same ranges,
// but only the one in front has its routes in the kernel; the others' are kept
// in mind, so that a switch moves all of them as one step.
//
// Behind the routes stand guards: unreachable routes for everything that is of
// the VPC. While no link carries it, or in the moment between two routes, it is
// refused on this device, whatever the default route.
type roads struct {
	interfaceKernel
	ranges  []netip.Prefix // of all links
	dialled []string       // devices of links that something else dials

	mu    sync.Mutex
	front *lane
	hosts []netip.Addr // addresses of the VPC that are known by now
}

// lane is the network as one link sees it: a kernel in which it alone has
// routes of the agent.
type lane struct {
	*roads
	own  []string // devices of the link; none: OpenVPN's, whatever its name
	want []route
}

// newRoads guards the ranges of links.
func newRoads(k interfaceKernel, links []config.Link) *roads {
	r := &roads{interfaceKernel: k, ranges: rangesOf(links)}
	for _, l := range links {
		r.dialled = append(r.dialled, l.Interface...)
	}
	return r
}

// lane returns the network as a link sees it.
func (r *roads) lane(l config.Link) *lane { return &lane{roads: r, own: l.Interface} }

// View implements kernel. Routes that wait for their turn look as if they were
// made, unless the kernel would have dropped them with their device.
func (l *lane) View() (view, error) {
	v, err := l.interfaceKernel.View()
	if err != nil {
		return view{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	made := v.unicast()
	v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r.protocol == protocol })
	switch {
	case l.front == l:
		v.routes = append(v.routes, made...)
	case l.fresh():
		// What an earlier run left is shown to whose it was, to be kept or removed.
		v.routes = append(v.routes, slices.DeleteFunc(made, func(r route) bool { return !l.owns(v, r) })...)
	default:
		v.routes = append(v.routes, v.alive(l.want)...)
	}
	return v, nil
}

// alive are those of routes whose device is there and up: the kernel drops all
// others with their device.
func (v view) alive(routes []route) (out []route) {
	for _, r := range routes {
		if d, ok := v.link(r.index); ok && d.up {
			out = append(out, r)
		}
	}
	return out
}

// fresh reports whether neither this link nor any other has had its turn yet.
func (l *lane) fresh() bool { return l.front == nil && l.want == nil }

// owns reports whether a route of an earlier run was this link's.
func (l *lane) owns(v view, r route) bool {
	d, _ := v.link(r.index)
	if len(l.own) > 0 {
		return slices.Contains(l.own, d.name)
	}
	return !slices.Contains(l.dialled, d.name)
}

// Change implements kernel.
func (l *lane) Change(remove, add []route) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fresh := l.fresh()
	if fresh {
		left, err := l.left()
		if err != nil {
			return err
		}
		l.want = left
	}
	// What a device that is gone has taken along must not be kept in mind: its
	// number would stand for a way that the next device of that name has.
	v, err := l.interfaceKernel.View()
	if err != nil {
		return err
	}
	l.want = slices.DeleteFunc(v.alive(l.want), func(r route) bool { return slices.ContainsFunc(remove, r.same) })
	for _, r := range add {
		if !slices.ContainsFunc(l.want, r.same) {
			l.want = append(l.want, r)
		}
	}
	switch {
	case l.front == l:
		return l.interfaceKernel.Change(remove, add)
	case fresh:
		return l.interfaceKernel.Change(remove, nil)
	}
	return nil
}

// Leaves implements kernel. For a link that waits it tells what will be.
func (l *lane) Leaves(addr netip.Addr) (int, error) {
	l.mu.Lock()
	front, want := l.front == l, slices.Clone(l.want)
	l.mu.Unlock()
	best := route{}
	for _, r := range want {
		if r.dst.Contains(addr) && (best.index == 0 || r.dst.Bits() > best.dst.Bits()) {
			best = r
		}
	}
	if front || best.index == 0 {
		return l.interfaceKernel.Leaves(addr)
	}
	return best.index, nil
}

// left are the routes of an earlier run that were this link's; l.mu is held.
func (l *lane) left() ([]route, error) {
	v, err := l.interfaceKernel.View()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(v.unicast(), func(r route) bool { return !l.owns(v, r) }), nil
}

// put makes l the link whose routes are in the kernel. All others of the agent
// go; what is of the VPC is refused for that moment.
func (r *roads) put(l *lane) error {
	if err := r.tend(); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	v, err := r.interfaceKernel.View()
	if err != nil {
		return err
	}
	r.front, l.want = l, v.alive(l.want)
	remove, add := difference(v.unicast(), l.want)
	return r.interfaceKernel.Change(remove, add)
}

// resume takes over the guards of single addresses that an earlier run left: what
// was of the VPC then is not to leave now, before it is known again.
func (r *roads) resume() error {
	v, err := r.View()
	if err != nil {
		return err
	}
	var known []netip.Addr
	for _, g := range v.guards() {
		if g.dst.IsSingleIP() {
			known = append(known, g.dst.Addr())
		}
	}
	r.mu.Lock()
	r.hosts = appendNew(r.hosts, known...)
	r.mu.Unlock()
	return r.tend()
}

// guard has addresses of the VPC refused from now on where no link takes them.
func (r *roads) guard(addrs ...netip.Addr) error {
	r.mu.Lock()
	news := slices.ContainsFunc(addrs, func(a netip.Addr) bool { return !slices.Contains(r.hosts, a) })
	r.hosts = appendLatest(r.hosts, addrs...)
	r.mu.Unlock()
	if !news {
		return nil
	}
	return r.tend()
}

// tend puts the guards in their places: all that are needed, nothing else.
func (r *roads) tend() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	v, err := r.interfaceKernel.View()
	if err != nil {
		return err
	}
	remove, add := difference(v.guards(), r.guards(v))
	return r.interfaceKernel.Change(remove, add)
}

// clear takes away everything that is the agent's.
func (r *roads) clear() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.front, r.hosts = nil, nil
	v, err := r.interfaceKernel.View()
	if err != nil {
		return err
	}
	return r.interfaceKernel.Change(v.ours(), nil)
}

// guards are the routes that refuse. A range inside this device's own network
// has none, as it would take the network away; nor have this device's own
// addresses and its gateways.
func (r *roads) guards(v view) []route {
	networks := v.connected(0)
	var out []route
	add := func(p netip.Prefix) {
		g := route{dst: p.Masked(), metric: guardMetric, protocol: protocol, unreachable: true}
		if !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	for _, p := range r.ranges {
		if !slices.ContainsFunc(networks, func(n netip.Prefix) bool { return within(p, n) }) {
			add(p)
		}
	}
	for _, h := range r.hosts {
		guarded := slices.ContainsFunc(out, func(g route) bool { return g.dst.Contains(h) })
		if !guarded && h.Is4() && !v.needs(h) {
			add(netip.PrefixFrom(h, h.BitLen()))
		}
	}
	return out
}

// needs reports whether a is an address of this device or a gateway of its.
func (v view) needs(a netip.Addr) bool {
	if _, _, ok := v.holder(a); ok {
		return true
	}
	return slices.ContainsFunc(v.routes, func(r route) bool { return r.gateway == a })
}

// unicast returns the agent's routes that lead somewhere.
func (v view) unicast() []route {
	return slices.DeleteFunc(v.ours(), func(r route) bool { return r.unreachable })
}

// guards returns the agent's routes that refuse.
func (v view) guards() []route {
	return slices.DeleteFunc(v.ours(), func(r route) bool { return !r.unreachable })
}

// same reports whether both are one entry of the table. The kernel's metric for
// IPv6 (1024 for an unset one) is no difference.
func (r route) same(o route) bool {
	return r.dst == o.dst && r.index == o.index && r.gateway == o.gateway && r.unreachable == o.unreachable
}

// rangesOf are the ranges of all links, each once.
func rangesOf(links []config.Link) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range links {
		for _, p := range l.Routes {
			if !slices.Contains(out, p) {
				out = append(out, p)
			}
		}
	}
	return out
}
