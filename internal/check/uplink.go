package check

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
)

// uplink is how this device gets out without its links into the VPC.
type uplink struct {
	device  string
	index   int
	gateway netip.Addr // invalid on a point-to-point device
}

// agentProtocol marks the routes of the agent (rtm_protocol), which are no
// uplink.
const agentProtocol = 158

// neighbourWait is for the gateway to answer ARP.
const neighbourWait = time.Second

// checkUplink looks for a default route, its device's carrier and address, and
// whether the gateway is there. It needs no internet.
func checkUplink(ctx context.Context, x *examination) outcome {
	up, err := defaultRoute()
	switch {
	case err != nil:
		return skipped(err.Error())
	case !up.found() && x.known && onlyInterfaces(x.config):
		return ok("no default route, and none is needed: all links are dialled by other programs")
	case !up.found():
		return fault("no default route: this device has no way out"+without(), "check cable, Wi-Fi or SIM of this gateway; `ip address` and `ip route` show what it has.")
	}
	link, err := netlink.LinkByIndex(up.index)
	if err != nil {
		return fault(fmt.Sprintf("%s is gone: %v", up.device, err), "look again: the network is changing.")
	}
	if link.Attrs().RawFlags&unix.IFF_RUNNING == 0 {
		return fault(up.device+" has no carrier", "check the cable, the Wi-Fi password or the modem.")
	}
	address := firstIPv4(link)
	if address == "" {
		return fault(up.device+" has no IPv4 address", "check DHCP on this site's router: `sudo journalctl -u NetworkManager -u dhcpcd -n 20`.")
	}
	learn := func(x *examination) { x.uplink = up }
	if !up.gateway.IsValid() {
		return ok(fmt.Sprintf("%s, %s", up.device, address)).learning(learn)
	}
	if !answersARP(ctx, up) {
		return fault(fmt.Sprintf("%s, %s: the gateway %s does not answer", up.device, address, up.gateway),
			"check that the site's router is on and on the same network as "+up.device+".").learning(learn)
	}
	return ok(fmt.Sprintf("%s, %s, gateway %s answers", up.device, address, up.gateway)).learning(learn)
}

func (u uplink) found() bool { return u.index != 0 }

func onlyInterfaces(c config.Config) bool {
	return !slices.ContainsFunc(c.Links, func(l config.Link) bool { return l.Type != config.LinkInterface })
}

// defaultRoute returns the one with the lowest metric that is not the agent's.
func defaultRoute() (uplink, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
	if err != nil {
		return uplink{}, fmt.Errorf("listing routes: %w", err)
	}
	routes = slices.DeleteFunc(routes, func(r netlink.Route) bool {
		return r.Dst != nil && !r.Dst.IP.IsUnspecified() || r.Protocol == agentProtocol || r.LinkIndex == 0
	})
	if len(routes) == 0 {
		return uplink{}, nil
	}
	best := slices.MinFunc(routes, func(a, b netlink.Route) int { return a.Priority - b.Priority })
	u := uplink{index: best.LinkIndex}
	if gateway, ok := netip.AddrFromSlice(best.Gw); ok {
		u.gateway = gateway.Unmap()
	}
	if link, err := netlink.LinkByIndex(u.index); err == nil {
		u.device = link.Attrs().Name
	}
	return u, nil
}

// without says which devices have no carrier: most often that is the reason.
func without() string {
	links, err := netlink.LinkList()
	if err != nil {
		return ""
	}
	list := ""
	for _, l := range links {
		if a := l.Attrs(); a.RawFlags&unix.IFF_LOOPBACK == 0 && a.RawFlags&unix.IFF_RUNNING == 0 {
			list += ", " + a.Name + " has no carrier"
		}
	}
	return list
}

func firstIPv4(link netlink.Link) string {
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addrs) == 0 {
		return ""
	}
	return addrs[0].IPNet.String()
}

// answersARP looks at the neighbour table. If it does not know the gateway, one
// empty datagram to its discard port makes the kernel ask.
func answersARP(ctx context.Context, u uplink) bool {
	d := net.Dialer{Timeout: neighbourWait}
	if conn, err := d.DialContext(ctx, "udp4", netip.AddrPortFrom(u.gateway, 9).String()); err == nil {
		_, _ = conn.Write(nil)
		_ = conn.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, neighbourWait)
	defer cancel()
	for tick := time.Tick(50 * time.Millisecond); ; {
		if known, alive := neighbour(u); known {
			return alive
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return false
		}
	}
}

// neighbour is known once the kernel has made up its mind.
func neighbour(u uplink) (known, alive bool) {
	list, err := netlink.NeighList(u.index, netlink.FAMILY_V4)
	if err != nil {
		return false, false
	}
	const there = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE |
		netlink.NUD_PERMANENT | netlink.NUD_NOARP
	for _, n := range list {
		if addr, ok := netip.AddrFromSlice(n.IP); ok && addr.Unmap() == u.gateway {
			switch {
			case n.State&there != 0:
				return true, true
			case n.State&netlink.NUD_FAILED != 0:
				return true, false
			}
		}
	}
	return false, false
}
