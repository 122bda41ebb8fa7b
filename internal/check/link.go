package check

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

// checkLink finds the device that leads into the VPC: by the daemon's word, by
// the agent's routes, by the names in the configuration. Without one it finds
// out whether the VPN server can be reached at all.
func checkLink(ctx context.Context, x *examination) outcome {
	if c, ok := x.stage("link"); ok && !c.State.Usable() {
		return noLink(ctx, x, errNoDevice)
	}
	path, err := findPath(x)
	if err != nil {
		return noLink(ctx, x, err)
	}
	if len(path.Servers) == 0 {
		return fault(fmt.Sprintf("%s is up with %s, but no VPC resolver is known", path.Device, path.Address),
			"set `resolver.servers` to the VPC resolver: the VPC's range plus two (10.0.0.2), or a Route 53 inbound endpoint's address over Canal.")
	}
	return ok(fmt.Sprintf("%s on %s, %s, resolver %s", path.Link, path.Device, path.Address, texts(path.Servers))).
		learning(func(x *examination) { x.path = path })
}

var errNoDevice = errors.New("nothing leads into the VPC")

func findPath(x *examination) (resolver.Path, error) {
	name, link := candidate(x)
	if link == nil {
		return resolver.Path{}, errNoDevice
	}
	a := link.Attrs()
	if a.RawFlags&unix.IFF_UP == 0 || a.RawFlags&unix.IFF_RUNNING == 0 {
		return resolver.Path{}, fmt.Errorf("%s is there but has no carrier", a.Name)
	}
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addrs) == 0 {
		return resolver.Path{}, fmt.Errorf("%s has no address", a.Name)
	}
	ip, _ := netip.AddrFromSlice(addrs[0].IP)
	bits, _ := addrs[0].Mask.Size()
	return resolver.Path{
		Link: name, Device: a.Name, Index: a.Index, Address: netip.PrefixFrom(ip.Unmap(), bits), Servers: servers(x),
	}, nil
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

// servers are the VPC's resolvers: configured, else as the daemon knows them.
func servers(x *examination) []netip.Addr {
	if len(x.config.Resolver.Servers) > 0 {
		return x.config.Resolver.Servers
	}
	var list []netip.Addr
	c, _ := x.stage("link")
	texts, _ := c.Facts["servers"].([]any) // it came as JSON
	for _, t := range texts {
		s, _ := t.(string)
		if a, err := netip.ParseAddr(s); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// noLink says as much as can be known of a link that is not there.
func noLink(ctx context.Context, x *examination, why error) outcome {
	finding, fix := why.Error(), "`edgeagent status` says what the daemon is doing about it."
	if c, ok := x.stage("link"); ok {
		finding += fmt.Sprintf("; the daemon says %s: %s", c.Reason, c.Detail)
		if x.daemon.FixFirst != nil && x.daemon.FixFirst.Stage == "link" {
			fix = x.daemon.FixFirst.Hint
		}
	}
	for _, l := range x.config.Links {
		if l.Type != config.LinkOpenVPN {
			finding += fmt.Sprintf("; link %s: none of %s is there", l.Name, strings.Join(l.Interface, ", "))
			continue
		}
		said, closed := knock(ctx, x, l)
		finding += "; " + said
		if closed {
			fix = "let the VPN's port out through this site's firewall; then check that the Client VPN endpoint is available."
		}
	}
	return fault(finding, fix)
}
