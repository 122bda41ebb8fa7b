package lab

import (
	"net/netip"
	"slices"
	"strings"
)

// Names of the lab. The VPN's own name lies under amazonaws.com too, as on AWS.
const (
	Thing         = "gw-042"
	Region        = "ap-northeast-1"
	EndpointHost  = "a1b2c3d4e5f6g7-ats.iot.ap-northeast-1.amazonaws.com"
	TunnelingHost = "data.tunneling.iot.ap-northeast-1.amazonaws.com"
	VPNHost       = "cvpn-endpoint-0123456789abcdef0.prod.clientvpn.ap-northeast-1.amazonaws.com"
	OrdinaryHost  = "www.example.com" // a name that is nobody's secret

	// zoneHost is the private zone that hides TunnelingHost if that name has
	// no record of its own in it.
	zoneHost = "iot.ap-northeast-1.amazonaws.com"
	// privateDomain holds every name that must never be asked in the open,
	// except VPNHost and what is under it.
	privateDomain = "amazonaws.com"
)

// Addresses of the lab: inside the VPC, the VPN server's, and on the uplink.
var (
	ResolverAddr  = netip.MustParseAddr("10.0.0.2") // base of the VPC's range plus two
	BrokerAddrs   = addrs("10.0.6.105", "10.0.20.107")
	OtherAddrs    = addrs("10.0.30.5", "10.0.30.6") // private as well, a broker too
	TunnelingAddr = netip.MustParseAddr("10.0.6.110")

	// VPNClients is where the VPN server takes its clients' addresses from.
	VPNClients = netip.MustParsePrefix("172.31.0.32/27")

	VPNAddr      = netip.MustParseAddr("203.0.113.10")
	PublicDNS    = netip.MustParseAddr("198.51.100.53")
	OrdinaryAddr = netip.MustParseAddr("198.51.100.7")

	// TrapRange holds every public-looking address that the uplink's DNS gives
	// for a private name: eight of the endpoint, one of the tunneling service.
	TrapRange           = netip.MustParsePrefix("198.51.100.80/28")
	TrapAddrs           = addrs("198.51.100.80", "198.51.100.81", "198.51.100.82", "198.51.100.83", "198.51.100.84", "198.51.100.85", "198.51.100.86", "198.51.100.87")
	PublicTunnelingAddr = netip.MustParseAddr("198.51.100.88")
)

// BrokerPort is where brokers listen, the VPC's and the trap.
const BrokerPort = 8883

func addrs(texts ...string) []netip.Addr {
	list := make([]netip.Addr, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParseAddr(text)
	}
	return list
}

// lan is the network at the device's site.
type lan struct {
	Device  netip.Prefix
	Gateway netip.Prefix
	// Squatters are machines of this LAN with addresses of the VPC: the
	// gateway answers for them, with the public DNS and the trap.
	Squatters []netip.Addr
}

var (
	usualLAN = lan{
		Device:  netip.MustParsePrefix("192.168.77.2/24"),
		Gateway: netip.MustParsePrefix("192.168.77.1/24"),
	}
	overlappingLAN = lan{
		Device:    netip.MustParsePrefix("10.0.0.77/16"),
		Gateway:   netip.MustParsePrefix("10.0.0.1/16"),
		Squatters: []netip.Addr{ResolverAddr, BrokerAddrs[0]},
	}
)

// isVPC reports whether a machine of the VPC has this address.
func isVPC(addr netip.Addr) bool {
	return addr == ResolverAddr || addr == TunnelingAddr ||
		slices.Contains(BrokerAddrs, addr) || slices.Contains(OtherAddrs, addr)
}

// isPrivateName reports whether only the VPC resolver may ever be asked for
// name, which may end in a dot.
func isPrivateName(name string) bool {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	return under(name, privateDomain) && !under(name, VPNHost)
}

func under(name, domain string) bool {
	return name == domain || strings.HasSuffix(name, "."+domain)
}
