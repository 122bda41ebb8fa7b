package vpn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// kernel is what the link needs of the operating system's network.
type kernel interface {
	// Watch tells that something about links, addresses or routes changed.
	Watch(ctx context.Context) (<-chan struct{}, error)
	// View returns the links, addresses and main routes as they are now.
	View() (view, error)
	// Change removes routes, then adds others.
	Change(remove, add []route) error
	// Leaves returns the index of the device by which the kernel sends to addr.
	Leaves(addr netip.Addr) (int, error)
	neighbours
}

// protocol marks the agent's routes (rtm_protocol; unassigned in rtnetlink.h),
// so that a run can take away what a killed one left.
const protocol = 158

// view is the network at one moment.
type view struct {
	links  []device
	routes []route // of the main table
}

// device is a network interface.
type device struct {
	name      string
	index     int
	mtu       int
	set       bool // set up by an administrator or program
	up        bool // and with a carrier
	loopback  bool
	addresses []netip.Prefix
}

// route is one entry of the main table. It is comparable.
type route struct {
	dst      netip.Prefix // a default route is 0.0.0.0/0 or ::/0
	index    int          // of the device
	gateway  netip.Addr   // invalid: the destination is on the link
	metric   int
	protocol int
	// unreachable makes the kernel refuse what it leads to, instead of sending it.
	unreachable bool
}

// hop is how packets leave this device for the VPN server.
type hop struct {
	device  string
	index   int
	gateway netip.Addr
	source  netip.Addr
}

// ok reports whether there is a way at all.
func (h hop) ok() bool { return h.index != 0 }

// String is the way as a technician would say it.
func (h hop) String() string {
	switch {
	case !h.ok():
		return "no uplink"
	case h.gateway.IsValid():
		return fmt.Sprintf("%s via %s", h.device, h.gateway)
	}
	return h.device
}

// holder returns the device that has addr, the pushed address of the link.
func (v view) holder(addr netip.Addr) (device, netip.Prefix, bool) {
	for _, l := range v.links {
		for _, a := range l.addresses {
			if a.Addr() == addr && !l.loopback {
				return l, a, true
			}
		}
	}
	return device{}, netip.Prefix{}, false
}

// link returns the device with that index.
func (v view) link(index int) (device, bool) {
	i := slices.IndexFunc(v.links, func(l device) bool { return l.index == index })
	if i < 0 {
		return device{}, false
	}
	return v.links[i], true
}

// uplink returns the way to target without the device of the link itself: the
// longest prefix, then the lowest metric. An invalid target asks for a default
// route. Policy routing is not looked at.
func (v view) uplink(target netip.Addr, except int) hop {
	best, found := route{}, false
	for _, r := range v.routes {
		if r.index == except || r.protocol == protocol || !r.leadsTo(target) {
			continue
		}
		if l, ok := v.link(r.index); !ok || !l.up || l.loopback {
			continue
		}
		if !found || r.dst.Bits() > best.dst.Bits() || r.dst.Bits() == best.dst.Bits() && r.metric < best.metric {
			best, found = r, true
		}
	}
	if !found {
		return hop{}
	}
	l, _ := v.link(best.index)
	return hop{device: l.name, index: l.index, gateway: best.gateway, source: l.source(best)}
}

// leadsTo reports whether r is a way to target, or a default route if there is
// no target yet.
func (r route) leadsTo(target netip.Addr) bool {
	if !target.IsValid() {
		return r.dst.Bits() == 0
	}
	return r.dst.Contains(target)
}

// source is the address that packets by r are likely to bear. IPv6 addresses
// come and go for privacy's sake, which says nothing about the uplink.
func (l device) source(r route) netip.Addr {
	for _, a := range l.addresses {
		if a.Addr().Is4() && r.dst.Addr().Is4() {
			return a.Addr()
		}
	}
	return netip.Addr{}
}

// ours returns the routes that the agent made.
func (v view) ours() []route {
	var out []route
	for _, r := range v.routes {
		if r.protocol == protocol {
			out = append(out, r)
		}
	}
	return out
}

// connected returns the networks that other devices are part of.
func (v view) connected(except int) []netip.Prefix {
	var out []netip.Prefix
	for _, l := range v.links {
		if l.index == except || l.loopback {
			continue
		}
		for _, a := range l.addresses {
			if !a.IsSingleIP() && !a.Addr().IsLinkLocalUnicast() {
				out = append(out, a.Masked())
			}
		}
	}
	return out
}
