package lab

import (
	"fmt"
	"net/netip"
	"strings"
)

// BlackholeVPN drops everything between the device and the VPN server, both
// ways, from the next packet on; false lets it pass again.
func (l *Lab) BlackholeVPN(on bool) error {
	return l.Uplink.drop("blackhole_vpn", on, "udp dport 443 drop; udp sport 443 drop")
}

// BlackholeResolver has the VPC resolver receive no question, at none of its
// addresses.
func (l *Lab) BlackholeResolver(on bool) error {
	return l.VPC.drop("blackhole_resolver", on,
		fmt.Sprintf("ip daddr %[1]s udp dport 53 drop; ip daddr %[1]s tcp dport 53 drop", nftSet(l.resolvers())))
}

// nftSet is an anonymous set, see nft(8).
func nftSet(all []netip.Addr) string {
	return "{ " + strings.Trim(yamlList(all), "[]") + " }"
}

// BlackholeBroker has the broker receive no packet, established connections
// included.
func (l *Lab) BlackholeBroker(on bool) error {
	return l.VPC.drop("blackhole_broker", on, fmt.Sprintf("tcp dport %d iifname != lo drop", BrokerPort))
}

// BlackholeUplinkDNS has the site's DNS receive no question.
func (l *Lab) BlackholeUplinkDNS(on bool) error {
	return l.Uplink.drop("blackhole_dns", on, "iifname lan udp dport 53 drop; iifname lan tcp dport 53 drop")
}

// drop adds a table of that name with rules that see every packet first, or
// removes it. A capture sees the packets nevertheless.
func (n *Node) drop(table string, on bool, rules string) error {
	if !on {
		return n.nft("delete table inet " + table)
	}
	return n.nft("table inet " + table + " {\n chain first {\n type filter hook prerouting priority raw;\n " + rules + "\n }\n}")
}

// LinkDown switches the device's interface off, as a modem or a person does.
// Its routes are lost.
func (l *Lab) LinkDown() error { return l.Device.ip("link set eth0 down") }

// LinkUp switches the device's interface on again and does what its DHCP
// client would.
func (l *Lab) LinkUp() error {
	return l.Device.ip("link set eth0 up", "route replace default via "+l.opts.lan().Gateway.Addr().String())
}

// Unplug pulls the device's cable at the far end; its routes stay.
func (l *Lab) Unplug() error { return l.Uplink.ip("link set lan down") }

// Plug puts the cable back.
func (l *Lab) Plug() error { return l.Uplink.ip("link set lan up") }
