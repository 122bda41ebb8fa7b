package check

import (
	"math"
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
)

func TestLease(t *testing.T) {
	for name, tc := range map[string]struct {
		address string
		seconds int64 // that are left
		state   State
		words   string
	}{
		"by hand":         {"192.168.77.2/24", math.MaxUint32, OK, "192.168.77.2/24"},
		"unknown":         {"192.168.77.2/24", 0, OK, "192.168.77.2/24"},
		"lent for a day":  {"192.168.77.2/24", 86400, OK, "192.168.77.2/24 (DHCP, 1440 min left)"},
		"about to end":    {"192.168.77.2/24", 12, Warning, "the DHCP lease ends in 12 s and was not renewed"},
		"nobody answered": {"169.254.3.7/16", math.MaxUint32, Error, "has given itself 169.254.3.7/16: no DHCP server has answered"},
	} {
		ip, network, err := net.ParseCIDR(tc.address)
		if err != nil {
			t.Fatal(err)
		}
		said, o := judgeLease("eth0", netlink.Addr{IPNet: &net.IPNet{IP: ip, Mask: network.Mask}, ValidLft: int(tc.seconds)})
		if o == nil {
			good := ok(said)
			o = &good
		}
		want(t, name, *o, tc.state, tc.words)
	}
}

// TestOutside: IPv6 counts as public unless it is nobody else's.
func TestOutside(t *testing.T) {
	for address, isOutside := range map[string]bool{
		"10.0.6.105": false, "198.51.100.80": true, "2600:1f18::1": true, "fd00::1": false, "fe80::1": true,
	} {
		if got := len(outside(prefixes("10.0.0.0/8"), addresses(address))) == 1; got != isOutside {
			t.Errorf("%s: %t", address, got)
		}
	}
}

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func addresses(texts ...string) (list []netip.Addr) {
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}
