package check

import (
	"context"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
	"edgeagent/internal/status"
)

// checkLink finds the device that leads into the VPC: by the daemon's word, by
// the agent's routes, by the names in the configuration. Without one it finds
// out whether the VPN server can be reached at all.
func checkLink(ctx context.Context, x *examination) outcome {
	if c, ok := x.stage("link"); ok && !c.State.Usable() {
		return noLink(ctx, x, say("link.none"))
	}
	path, why := findPath(x)
	if why != nil {
		return noLink(ctx, x, why)
	}
	path.Servers = servers(ctx, x, path)
	switch {
	case len(path.Servers) == 0 && x.daemon == nil:
		return skipped(say("link.unknown", path.Device, path.Address))
	case len(path.Servers) == 0:
		return fault(say("link.resolver", path.Device, path.Address), say("link.resolver.fix"))
	}
	return ok(say("link.ok", path.Link, path.Device, path.Address, texts(path.Servers))).
		learning(func(x *examination) { x.path = path })
}

// findPath returns the way into the VPC, or why there is none.
func findPath(x *examination) (resolver.Path, words) {
	name, link := candidate(x)
	if link == nil {
		return resolver.Path{}, say("link.none")
	}
	a := link.Attrs()
	if a.RawFlags&unix.IFF_UP == 0 || a.RawFlags&unix.IFF_RUNNING == 0 {
		return resolver.Path{}, say("uplink.carrier", a.Name)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addrs) == 0 {
		return resolver.Path{}, say("link.address", a.Name)
	}
	ip, _ := netip.AddrFromSlice(addrs[0].IP)
	bits, _ := addrs[0].Mask.Size()
	return resolver.Path{Link: name, Device: a.Name, Index: a.Index, Address: netip.PrefixFrom(ip.Unmap(), bits)}, nil
}

// candidate returns the name of a link and its device, nil if there is none.
func candidate(x *examination) (string, netlink.Link) {
	if c, ok := x.stage("link"); ok {
		name, _ := c.Facts["link"].(string)
		device, _ := c.Facts["device"].(string)
		if link, err := netlink.LinkByName(device); device != "" && err == nil {
			return name, link
		}
	}
	for _, l := range x.config.Links {
		if l.Type == config.LinkOpenVPN {
			if link := routedBy(agentProtocol); link != nil {
				return l.Name, link
			}
		}
		for _, device := range l.Interface {
			if link, err := netlink.LinkByName(device); err == nil {
				return l.Name, link
			}
		}
	}
	return "", nil
}

// routedBy returns the tun device of a route with that protocol.
func routedBy(protocol netlink.RouteProtocol) netlink.Link {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: protocol}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil
	}
	for _, r := range routes {
		if link, err := netlink.LinkByIndex(r.LinkIndex); err == nil && link.Type() == "tuntap" {
			return link
		}
	}
	return nil
}

// noLink says as much as can be known of a link that is not there.
func noLink(ctx context.Context, x *examination, why words) outcome {
	found, fix := list{between: "; ", parts: []words{why}}, say("link.fix")
	if c, ok := x.stage("link"); ok {
		said := status.Finding{Stage: "link", Reason: c.Reason, Detail: c.Detail, Hint: c.Hint}
		found.parts = append(found.parts, say("link.says", c.Reason, stageSays(said)))
		if f := x.daemon.FixFirst; f != nil && f.Stage == "link" {
			fix = stageHint(*f)
		}
	}
	for _, l := range x.config.Links {
		switch said, closed := linkTried(ctx, x, l); {
		case said == nil:
		case closed:
			found.parts, fix = append(found.parts, said), say("link.closed.fix")
		default:
			found.parts = append(found.parts, said)
		}
	}
	return fault(found, fix)
}

// linkTried looks at one link that does not carry: whether its device is there,
// or whether its server answers. Without a way out the server is not asked.
func linkTried(ctx context.Context, x *examination, l config.Link) (said words, closed bool) {
	if l.Type == config.LinkOpenVPN {
		if !x.uplink.found() {
			return nil, false
		}
		return knock(ctx, x, l)
	}
	for _, device := range l.Interface {
		if _, err := netlink.LinkByName(device); err == nil {
			return nil, false // what is wrong with it is said already
		}
	}
	return say("link.absent", l.Name, strings.Join(l.Interface, ", ")), false
}
