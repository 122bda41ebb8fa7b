package vpn

import (
	"net/netip"
	"slices"
	"testing"
)

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// gateway is a device with an uplink, the tun device and one more network.
func gateway(lan string) view {
	return view{
		links: []device{
			{name: "lo", index: 1, up: true, loopback: true, addresses: prefixes("127.0.0.1/8")},
			{name: "eth0", index: 2, up: true, addresses: prefixes("192.168.50.10/24", "fe80::1/64")},
			{name: "lan0", index: 3, up: true, addresses: prefixes(lan)},
			{name: "tun0", index: 9, up: true, addresses: prefixes("10.100.0.2/22")},
		},
		routes: []route{
			{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 2, gateway: addr("192.168.50.1"), metric: 100},
			{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 3, gateway: addr("10.9.0.1"), metric: 600},
			{dst: netip.MustParsePrefix("192.168.50.0/24"), index: 2},
		},
	}
}

func TestPlan(t *testing.T) {
	hosts := []netip.Addr{addr("10.0.0.2"), addr("10.0.6.105")}
	tests := []struct {
		name     string
		lan      string
		wanted   wanted
		routes   []string
		withheld []netip.Prefix
	}{
		{"nothing configured: host routes", "10.9.0.5/24", wanted{hosts: hosts}, []string{"10.0.0.2/32 9", "10.0.6.105/32 9"}, nil},
		{"a range covers the hosts", "10.9.0.5/24", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/16")}, []string{"10.0.0.0/16 9"}, nil},
		{"the LAN equals the range", "10.0.77.1/16", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/16")},
			[]string{"10.0.0.2/32 9", "10.0.6.105/32 9"}, prefixes("10.0.0.0/16")},
		{"the LAN contains the range", "10.77.0.1/8", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/16")},
			[]string{"10.0.0.2/32 9", "10.0.6.105/32 9"}, prefixes("10.0.0.0/16")},
		{"the range contains the LAN: both stand", "10.0.6.1/24", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/8")},
			[]string{"10.0.0.0/8 9", "10.0.6.105/32 9"}, nil},
		{"one range of two", "10.0.77.1/16", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/16", "10.1.0.0/16")},
			[]string{"10.1.0.0/16 9", "10.0.0.2/32 9", "10.0.6.105/32 9"}, prefixes("10.0.0.0/16")},
		{"forced", "10.9.0.5/24", wanted{hosts: hosts, ranges: prefixes("10.0.0.0/16"), forced: map[netip.Addr]bool{hosts[1]: true}},
			[]string{"10.0.0.0/16 9", "10.0.6.105/32 9"}, nil},
		{"everything", "10.9.0.5/24", wanted{hosts: hosts, full: true, server: addr("203.0.113.10")},
			[]string{"0.0.0.0/1 9", "128.0.0.0/1 9", "203.0.113.10/32 2 192.168.50.1"}, nil},
		{"a default route as a range is everything", "10.9.0.5/24", wanted{ranges: prefixes("0.0.0.0/0"), server: addr("203.0.113.10")},
			[]string{"0.0.0.0/1 9", "128.0.0.0/1 9", "203.0.113.10/32 2 192.168.50.1"}, nil},
		{"the server within a range", "10.9.0.5/24", wanted{ranges: prefixes("172.16.0.0/12"), server: addr("172.16.9.9")},
			[]string{"172.16.0.0/12 9", "172.16.9.9/32 2 192.168.50.1"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v := gateway(tt.lan)
			tun, _ := v.link(9)
			routes, withheld := tt.wanted.plan(v, tun, v.uplink(tt.wanted.server, 9))
			var got []string
			for _, r := range routes {
				s := r.dst.String() + " " + string(rune('0'+r.index))
				if r.gateway.IsValid() {
					s += " " + r.gateway.String()
				}
				got = append(got, s)
			}
			if !slices.Equal(got, tt.routes) || !slices.Equal(withheld, tt.withheld) {
				t.Errorf("\n got %q, withheld %v\nwant %q, withheld %v", got, withheld, tt.routes, tt.withheld)
			}
		})
	}
}

func TestDifference(t *testing.T) {
	a := route{dst: netip.MustParsePrefix("10.0.0.2/32"), index: 9, protocol: protocol}
	b := route{dst: netip.MustParsePrefix("10.0.0.3/32"), index: 9, protocol: protocol}
	moved := a
	moved.index = 10
	v6 := route{dst: netip.MustParsePrefix("2001:db8::1/128"), index: 9, protocol: protocol}
	installed := v6
	installed.metric = 1024
	remove, add := difference([]route{a, installed}, []route{moved, b, v6})
	if !slices.Equal(remove, []route{a}) || !slices.Equal(add, []route{moved, b}) {
		t.Errorf("remove %v, add %v", remove, add)
	}
}

func TestUplink(t *testing.T) {
	v := gateway("10.9.0.5/24")
	if got := v.uplink(addr("203.0.113.10"), 9).String(); got != "eth0 via 192.168.50.1" {
		t.Errorf("lowest metric: %s", got)
	}
	if got := v.uplink(addr("192.168.50.77"), 9).String(); got != "eth0" {
		t.Errorf("on the link: %s", got)
	}
	v.links[1].up = false // no carrier
	if got := v.uplink(netip.Addr{}, 9).String(); got != "lan0 via 10.9.0.1" {
		t.Errorf("without a carrier on eth0: %s", got)
	}
	v.routes = append(v.routes, route{dst: netip.MustParsePrefix("0.0.0.0/1"), index: 9, protocol: protocol})
	if got := v.uplink(addr("1.2.3.4"), 0).String(); got != "lan0 via 10.9.0.1" {
		t.Errorf("the agent's own route taken for an uplink: %s", got)
	}
	v.routes = nil
	if got := v.uplink(netip.Addr{}, 9); got.ok() || got.String() != "no uplink" {
		t.Errorf("without a route: %s", got)
	}
}
