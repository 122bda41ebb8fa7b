package check

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// checkUplink looks at the way out. Its loss is only a warning while a link that
// does not need it is there.
func checkUplink(ctx context.Context, x *examination) outcome {
	return x.softened(lookAtUplink(ctx, x))
}

// softened makes a warning of an error that does not close the path.
func (x *examination) softened(o outcome) outcome {
	if o.state == Error && x.spare() {
		o.state = Warning
	}
	return o
}

// spare reports whether the device of a link that other programs dial is there,
// with carrier and address.
func (x *examination) spare() bool {
	for _, l := range x.config.Links {
		for _, device := range l.Interface {
			link, err := netlink.LinkByName(device)
			if err == nil && link.Attrs().RawFlags&unix.IFF_RUNNING != 0 && firstIPv4(link) != "" {
				return true
			}
		}
	}
	return false
}

// lookAtUplink looks for a default route, its device's carrier, address and
// lease, and whether the gateway is there. It needs no internet.
func lookAtUplink(ctx context.Context, x *examination) outcome {
	up, err := defaultRoute()
	switch {
	case err != nil:
		return skipped(foreign(err.Error()))
	case !up.found() && x.known && onlyInterfaces(x.config):
		return ok(say("uplink.unneeded"))
	case !up.found():
		return noRoute(x)
	}
	link, err := netlink.LinkByIndex(up.index)
	if err != nil {
		return fault(say("uplink.gone", up.device), say("uplink.gone.fix"))
	}
	if link.Attrs().RawFlags&unix.IFF_RUNNING == 0 {
		return fault(say("uplink.carrier", up.device), say("uplink.carrier.fix", up.device))
	}
	learn := func(x *examination) { x.uplink = up }
	address, o := leased(up.device, link)
	switch {
	case o != nil && o.state == Warning:
		return o.learning(learn)
	case o != nil:
		return *o
	}
	if !up.gateway.IsValid() {
		return ok(say("uplink.direct", up.device, address)).learning(learn)
	}
	if !answersARP(ctx, up) {
		return fault(say("uplink.gateway", up.device, address, up.gateway), say("uplink.gateway.fix", up.device))
	}
	return ok(say("uplink.ok", up.device, address, up.gateway)).learning(learn)
}

// leased words the address of a device and how long DHCP has lent it.
func leased(device string, link netlink.Link) (words, *outcome) {
	addrs, err := netlink.AddrList(link, netlink.FAMILY_V4)
	if err != nil || len(addrs) == 0 {
		o := fault(say("uplink.address", device), say("uplink.dhcp.fix", device))
		return nil, &o
	}
	return judgeLease(device, addrs[0])
}

func judgeLease(device string, a netlink.Addr) (words, *outcome) {
	// RFC 3927: what a device gives itself when no DHCP server answers.
	if a.IP.IsLinkLocalUnicast() {
		o := fault(say("uplink.self", device, a.IPNet), say("uplink.dhcp.fix", device))
		return nil, &o
	}
	if a.ValidLft <= 0 || int64(a.ValidLft) >= forever {
		return plain(a.IPNet.String()), nil
	}
	left := time.Duration(a.ValidLft) * time.Second
	if left < leaseEnds {
		o := warning(say("uplink.lease", device, a.IPNet, a.ValidLft), say("uplink.dhcp.fix", device))
		return nil, &o
	}
	return say("uplink.leased", a.IPNet, int(left.Minutes())), nil
}

const (
	// forever is the kernel's for an address that nobody has lent.
	forever = math.MaxUint32
	// leaseEnds is less than any client leaves before it renews: it asks at half
	// the time and again at seven eighths (RFC 2131, 4.4.5).
	leaseEnds = 20 * time.Second
)

// noRoute says what is most often the reason for no way out: a device without
// carrier, or a radio that is switched off.
func noRoute(x *examination) outcome {
	found, fix := list{between: "; ", parts: []words{say("uplink.none")}}, say("uplink.none.fix")
	links, err := netlink.LinkList()
	if err != nil {
		links = nil
	}
	for _, l := range links {
		if a := l.Attrs(); a.RawFlags&unix.IFF_LOOPBACK == 0 && a.RawFlags&unix.IFF_RUNNING == 0 {
			found.parts = append(found.parts, say("uplink.carrier", a.Name))
		}
	}
	if silenced(x.file("/sys/class/rfkill")) {
		found.parts, fix = append(found.parts, say("uplink.rfkill")), say("uplink.rfkill.fix")
	}
	return fault(found, fix)
}

// silenced reports whether Wi-Fi is blocked, as it is on a Raspberry Pi until
// its country is set (Documentation/ABI/stable/sysfs-class-rfkill).
func silenced(dir string) bool {
	kinds, _ := filepath.Glob(filepath.Join(dir, "*", "type"))
	for _, k := range kinds {
		if firstWord(k) != "wlan" {
			continue
		}
		if at := filepath.Dir(k); firstWord(filepath.Join(at, "soft")) == "1" || firstWord(filepath.Join(at, "hard")) == "1" {
			return true
		}
	}
	return false
}

// firstWord of a small file, "" if there is none.
func firstWord(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	word, _, _ := strings.Cut(strings.TrimSpace(string(data)), " ")
	return word
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
