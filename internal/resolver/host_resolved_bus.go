package resolver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	// resolvedLink is the link that stands for the stub. No name of common
	// patterns in .network files (e*, en*, eth*) fits it.
	resolvedLink = "dns-edgeagent"
	// resolvedAlias marks the link as ours, whoever else likes its name.
	resolvedAlias = "edgeagent: private names are asked of the DNS stub here"
	// resolvedWithin bounds one exchange with systemd-resolved.
	resolvedWithin = 3 * time.Second
)

// resolvedLinkAddr makes resolved use the link, for it needs an address that
// others could reach. RFC 7600 gives this one to nobody.
var resolvedLinkAddr = netip.MustParsePrefix("192.0.0.8/32")

// Names on the bus: org.freedesktop.resolve1(5).
const (
	resolveName    = "org.freedesktop.resolve1"
	resolvePath    = "/org/freedesktop/resolve1"
	resolveManager = "org.freedesktop.resolve1.Manager"
	resolveOfLink  = "org.freedesktop.resolve1.Link"
)

// resolvedBus is systemd-resolved itself. step is called after each call that
// changes something.
type resolvedBus struct{ step func(call string) }

type (
	busServer struct {
		Family  int32
		Address []byte
	}
	busServerEx struct {
		Family  int32
		Address []byte
		Port    uint16
		Name    string
	}
	busDomain struct {
		Name      string
		RouteOnly bool
	}
	busLinkDomain struct {
		Index     int32
		Name      string
		RouteOnly bool
	}
)

func (b resolvedBus) steer(ctx context.Context, server netip.AddrPort, domains []string) error {
	index, err := b.makeLink()
	if err != nil {
		return fmt.Errorf("making the link %s: %w", resolvedLink, err)
	}
	routes := make([]busDomain, len(domains))
	for i, d := range domains {
		routes[i] = busDomain{d, true}
	}
	// Domains come last: before them nothing is asked of the link.
	calls := []busCall{
		{"SetLinkDefaultRoute", false}, {"SetLinkLLMNR", "no"}, {"SetLinkMulticastDNS", "no"},
		{"SetLinkDNSSEC", "no"}, {"SetLinkDNSOverTLS", "no"}, // what the stub does not speak
		busServerCall(server), {"SetLinkDomains", routes},
	}
	return b.talk(ctx, func(ctx context.Context, c resolveConn) error {
		for _, set := range calls {
			if err := c.call(ctx, set.method, nil, index, set.value); err != nil {
				return err
			}
			b.step(set.method)
		}
		return nil
	})
}

// busCall is a method of the manager that sets something of a link.
type busCall struct {
	method string
	value  any
}

// busServerCall names the server; with a port only where one is needed, which
// systemd 245 cannot.
func busServerCall(server netip.AddrPort) busCall {
	family, addr := int32(unix.AF_INET), server.Addr().AsSlice()
	if server.Addr().Is6() {
		family = unix.AF_INET6
	}
	if server.Port() == dnsPort {
		return busCall{"SetLinkDNS", []busServer{{family, addr}}}
	}
	return busCall{"SetLinkDNSEx", []busServerEx{{family, addr, server.Port(), ""}}}
}

// resolveConn is a conversation with systemd-resolved.
type resolveConn struct{ *dbus.Conn }

func (b resolvedBus) talk(ctx context.Context, say func(context.Context, resolveConn) error) error {
	ctx, cancel := context.WithTimeout(ctx, resolvedWithin)
	defer cancel()
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err == nil {
		defer conn.Close()
		err = say(ctx, resolveConn{conn})
	}
	if err != nil {
		return fmt.Errorf("asking systemd-resolved: %w", err)
	}
	return nil
}

// call calls a method of the manager and stores what it returns.
func (c resolveConn) call(ctx context.Context, method string, result []any, args ...any) error {
	err := c.Object(resolveName, resolvePath).CallWithContext(ctx, resolveManager+"."+method, 0, args...).Store(result...)
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	return nil
}

// property stores a property of an object.
func (c resolveConn) property(ctx context.Context, path dbus.ObjectPath, of, name string, value any) error {
	var v dbus.Variant
	err := c.Object(resolveName, path).CallWithContext(ctx, "org.freedesktop.DBus.Properties.Get", 0, of, name).Store(&v)
	if err == nil {
		err = v.Store(value)
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	return nil
}

func (b resolvedBus) present() bool {
	link, err := netlink.LinkByName(resolvedLink)
	return err == nil && link.Attrs().Alias == resolvedAlias
}

// makeLink returns the index of the link, made if need be: a dummy, or where the
// kernel has none, an ifb, which nobody sends to either.
func (b resolvedBus) makeLink() (index int32, err error) {
	link, err := netlink.LinkByName(resolvedLink)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = resolvedLink
		if err = netlink.LinkAdd(&netlink.Dummy{LinkAttrs: attrs}); errors.Is(err, unix.EOPNOTSUPP) {
			err = netlink.LinkAdd(&netlink.Ifb{LinkAttrs: attrs})
		}
		b.step("link")
		if err == nil {
			link, err = netlink.LinkByName(resolvedLink)
		}
	} else if err == nil && link.Attrs().Alias != resolvedAlias && link.Attrs().Alias != "" {
		err = fmt.Errorf("a link of that name is somebody else's (%s)", link.Attrs().Alias)
	}
	if err != nil {
		return 0, err
	}
	return int32(link.Attrs().Index), b.setUp(link)
}

func (b resolvedBus) setUp(link netlink.Link) error {
	if err := netlink.LinkSetAlias(link, resolvedAlias); err != nil {
		return err
	}
	b.step("alias")
	addr := &netlink.Addr{IPNet: &net.IPNet{
		IP: resolvedLinkAddr.Addr().AsSlice(), Mask: net.CIDRMask(resolvedLinkAddr.Bits(), 32),
	}}
	if err := netlink.AddrReplace(link, addr); err != nil {
		return err
	}
	b.step("address")
	err := netlink.LinkSetUp(link)
	b.step("up")
	return err
}

func (b resolvedBus) release() error {
	link, err := netlink.LinkByName(resolvedLink)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil && link.Attrs().Alias != resolvedAlias && link.Attrs().Alias != "" {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
		b.step("unlink")
	}
	if err != nil {
		return fmt.Errorf("removing the link %s: %w", resolvedLink, err)
	}
	return nil
}

func (b resolvedBus) look(ctx context.Context) (resolvedView, error) {
	var v resolvedView
	var own int32 = -1
	if link, err := netlink.LinkByName(resolvedLink); err == nil {
		own, v.there = int32(link.Attrs().Index), true
	}
	err := b.talk(ctx, func(ctx context.Context, c resolveConn) error {
		var domains []busLinkDomain
		if err := c.property(ctx, resolvePath, resolveManager, "Domains", &domains); err != nil {
			return err
		}
		for _, d := range domains {
			if d.Index == own {
				v.domains = append(v.domains, d.Name)
			} else {
				v.claims = append(v.claims, claim{linkName(int(d.Index)), d.Name})
			}
		}
		if !v.there {
			return nil
		}
		return v.lookAtServer(ctx, c, own)
	})
	return v, err
}

// linkName names the link that has a domain.
func linkName(index int) string {
	if index == 0 {
		return "resolved.conf"
	}
	if link, err := netlink.LinkByIndex(index); err == nil {
		return link.Attrs().Name
	}
	return fmt.Sprintf("link %d", index)
}

// lookAtServer finds which server our link has. Two are as wrong as none.
func (v *resolvedView) lookAtServer(ctx context.Context, c resolveConn, index int32) error {
	var path dbus.ObjectPath
	if err := c.call(ctx, "GetLink", []any{&path}, index); err != nil {
		return err
	}
	var servers []busServerEx
	if err := c.property(ctx, path, resolveOfLink, "DNSEx", &servers); err != nil || len(servers) != 1 {
		return err
	}
	if addr, ok := netip.AddrFromSlice(servers[0].Address); ok {
		v.server = netip.AddrPortFrom(addr, cmp.Or(servers[0].Port, dnsPort))
	}
	return nil
}
