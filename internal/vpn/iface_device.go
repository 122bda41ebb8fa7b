package vpn

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"edgeagent/internal/status"
)

// dialled returns the first device of names that exists and the address that it
// has; lack is what keeps it from carrying anything.
//
// An address with a peer (ppp0, a raw-IP modem) counts like any other: other
// programs look for a network behind each address and find none there.
func (v view) dialled(names []string) (d device, addr netip.Prefix, lack *cause) {
	for _, name := range names {
		i := slices.IndexFunc(v.links, func(l device) bool { return l.name == name })
		if i < 0 {
			continue
		}
		d = v.links[i]
		switch addr = d.address4(); {
		case !d.set:
			return d, addr, &cause{status.ReasonNoCarrier, name + " is set down",
				"Find what took it down; `ip link set " + name + " up` or the program that dials brings it up.", fast}
		case !d.up:
			return d, addr, &cause{status.ReasonNoCarrier, name + " has no carrier", "", fast}
		case !addr.IsValid():
			return d, addr, &cause{status.ReasonNoAddress, name + " has no IPv4 address", "", fast}
		}
		return d, addr, nil
	}
	return device{}, netip.Prefix{}, &cause{status.ReasonInterfaceMissing, missingText(names, v), "", fast}
}

// address4 is the IPv4 address that the device has from its network; an address
// that it gave itself for want of one (RFC 3927) leads nowhere.
func (d device) address4() netip.Prefix {
	for _, a := range d.addresses {
		if a.Addr().Is4() && !a.Addr().IsLinkLocalUnicast() {
			return a
		}
	}
	return netip.Prefix{}
}

// missingText says which devices are not there, and which are instead: the name
// may be spelled wrong, or the modem may call itself differently.
func missingText(names []string, v view) string {
	var there []string
	for _, l := range v.links {
		if !l.loopback {
			there = append(there, l.name)
		}
	}
	text := strings.Join(names, ", ") + " does not exist"
	if len(names) > 1 {
		text = "none of " + strings.Join(names, ", ") + " exists"
	}
	if len(there) == 0 {
		return text
	}
	return fmt.Sprintf("%s (there: %s)", text, strings.Join(there, ", "))
}

// gatewayOf returns the next hop that others use on the device: what leads into
// the VPC goes by it as well. Without one everything is on the link, as on ppp0.
func (v view) gatewayOf(index int, before netip.Addr) netip.Addr {
	best, found := route{}, false
	for _, r := range v.routes {
		if r.index != index || r.protocol == protocol || !r.gateway.Is4() {
			continue
		}
		// The default route's, if there is one; else the widest network's.
		if !found || r.dst.Bits() < best.dst.Bits() || r.dst.Bits() == best.dst.Bits() && r.metric < best.metric {
			best, found = r, true
		}
	}
	if !found {
		return before
	}
	return best.gateway
}
