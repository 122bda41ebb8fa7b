package vpn

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// binder makes a device's own way out: what is bound to the device leaves by
// it, whatever the main table says. A standby is probed although the VPC's
// ranges lead through another link, and the guards refuse everything else.
type binder interface {
	// Bind makes or renews the way; an invalid gateway: all is on the link.
	Bind(d device, gateway netip.Addr) error
	// Unbind takes it away.
	Unbind(d device) error
}

// Rules and tables of the agent: before the main table (32766), and where
// nobody looks for a number of his own.
const (
	bindPriority = 15800
	bindTable    = 158_000 // plus the device's index
)

// Bind adds a rule for what is bound to d, and a table with its networks and a
// default route.
func (linux) Bind(d device, gateway netip.Addr) error {
	if err := (linux{}).Unbind(d); err != nil {
		return err
	}
	table := bindTable + d.index
	routes := []netlink.Route{{Dst: everything(), LinkIndex: d.index, Table: table, Protocol: protocol, Scope: netlink.SCOPE_LINK}}
	for _, a := range d.addresses {
		if a.Addr().Is4() && !a.IsSingleIP() {
			routes = append(routes, netlink.Route{Dst: network(a), LinkIndex: d.index, Table: table, Protocol: protocol, Scope: netlink.SCOPE_LINK})
		}
	}
	if gateway.IsValid() {
		routes[0].Gw, routes[0].Scope = gateway.AsSlice(), netlink.SCOPE_UNIVERSE
		// The gateway need not be in a network of the device.
		routes[0].Flags = int(netlink.FLAG_ONLINK)
	}
	for _, r := range routes {
		if err := netlink.RouteReplace(&r); err != nil {
			return fmt.Errorf("making a way for what is bound to %s: %w", d.name, err)
		}
	}
	if err := netlink.RuleAdd(bindRule(d)); err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding the rule for what is bound to %s: %w", d.name, err)
	}
	return nil
}

// Unbind removes every rule of ours that names d or its table, and the table's routes.
func (linux) Unbind(d device) error {
	rules, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(netlink.FAMILY_V4) })
	if err != nil {
		return fmt.Errorf("listing rules: %w", err)
	}
	for _, r := range rules {
		if r.Protocol != protocol || r.OifName != d.name && r.Table != bindTable+d.index {
			continue
		}
		if err := netlink.RuleDel(&r); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("removing the rule for what is bound to %s: %w", d.name, err)
		}
	}
	routes, err := dump(func() ([]netlink.Route, error) {
		return netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: bindTable + d.index}, netlink.RT_FILTER_TABLE)
	})
	if err != nil {
		return fmt.Errorf("listing routes: %w", err)
	}
	for _, r := range routes {
		if err := netlink.RouteDel(&r); err != nil && !errors.Is(err, unix.ESRCH) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("removing the way for what is bound to %s: %w", d.name, err)
		}
	}
	return nil
}

// bindRule leads what is bound to d to its own table.
func bindRule(d device) *netlink.Rule {
	r := netlink.NewRule()
	r.Family, r.OifName, r.Table = netlink.FAMILY_V4, d.name, bindTable+d.index
	r.Priority, r.Protocol = bindPriority, protocol
	return r
}

// everything is the default route's destination.
func everything() *net.IPNet { return &net.IPNet{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)} }

// network is the network that an address with a prefix is part of.
func network(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
