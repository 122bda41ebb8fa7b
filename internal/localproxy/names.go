package localproxy

import "net/netip"

// NeedsNames reports whether a proxy with this Config looks up names while it
// runs: its service's, a web proxy's, or a destination's.
func (c Config) NeedsNames() bool {
	if len(c.Addresses) == 0 {
		return true
	}
	for _, d := range c.Destinations.services {
		if _, err := netip.ParseAddrPort(d.Address); d.Network != "unix" && err != nil {
			return true
		}
	}
	return false
}
