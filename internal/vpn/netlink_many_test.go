package vpn

import (
	"fmt"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
)

// many makes as many links, each with an address.
func many(n int) (links []netlink.Link, addrs []netlink.Addr) {
	for i := range n {
		links = append(links, &netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("d%d", i), Index: i + 1}})
		addrs = append(addrs, netlink.Addr{LinkIndex: n - i, IPNet: &net.IPNet{IP: net.IPv4(10, 0, byte(i>>8), byte(i)), Mask: net.CIDRMask(32, 32)}})
	}
	return links, addrs
}

func TestEachDeviceHasItsOwnAddresses(t *testing.T) {
	links, addrs := many(3)
	addrs = append(addrs, addrs[0], netlink.Addr{LinkIndex: 1}, netlink.Addr{LinkIndex: 9, IPNet: addrs[0].IPNet})
	got := map[string][]string{}
	for _, d := range newDevices(links, addrs) {
		got[d.name] = nil
		for _, a := range d.addresses {
			got[d.name] = append(got[d.name], a.String())
		}
	}
	want := map[string][]string{"d0": {"10.0.0.2/32"}, "d1": {"10.0.0.1/32"}, "d2": {"10.0.0.0/32", "10.0.0.0/32"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// BenchmarkDevices shows that ten times the links cost ten times the time.
func BenchmarkDevices(b *testing.B) {
	for _, n := range []int{100, 1000} {
		links, addrs := many(n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				newDevices(links, addrs)
			}
		})
	}
}
