package vpn

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

func TestParsePush(t *testing.T) {
	p, ok := parsePush(pushPrefix+"PUSH_REPLY,redirect-gateway def1 bypass-dhcp,block-outside-dns,dhcp-option DOMAIN-ROUTE .,"+
		"dhcp-option DNS 10.0.0.2,dhcp-option DNS 10.0.0.3,dhcp-option DNS 10.0.0.2,dns server 0 address 10.0.0.4:53 2001:db8::53,"+
		"route 10.0.0.0 255.255.0.0,ping 10,ping-restart 60,echo,route-gateway 10.100.0.1,peer-id 0'", pushed{})
	want := []netip.Addr{addr("10.0.0.2"), addr("10.0.0.3"), addr("10.0.0.4"), addr("2001:db8::53")}
	if !ok || !slices.Equal(p.servers, want) || p.ping != 10*time.Second ||
		!p.redirect || !slices.Equal(p.routes, []string{"10.0.0.0 255.255.0.0"}) {
		t.Errorf("%v %+v", ok, p)
	}
	for _, line := range []string{"Peer Connection Initiated", pushPrefix + "AUTH_FAILED'", "PUSH_REPLY,dhcp-option DNS 10.0.0.66"} {
		if _, ok := parsePush(line, pushed{}); ok {
			t.Errorf("%q taken for a push reply", line)
		}
	}
}

func TestParsePushInParts(t *testing.T) {
	first, _ := parsePush(pushPrefix+"PUSH_REPLY,dhcp-option DNS 10.0.0.2,push-continuation 2'", pushed{})
	whole, _ := parsePush(pushPrefix+"PUSH_REPLY,dhcp-option DNS 10.0.0.3,push-continuation 1'", first)
	if want := []netip.Addr{addr("10.0.0.2"), addr("10.0.0.3")}; !slices.Equal(whole.servers, want) || whole.more {
		t.Errorf("%+v, want %v", whole, want)
	}
	// The reply of the next connection replaces this one's.
	next, _ := parsePush(pushPrefix+"PUSH_REPLY,dhcp-option DNS 10.9.9.9'", whole)
	if want := []netip.Addr{addr("10.9.9.9")}; !slices.Equal(next.servers, want) {
		t.Errorf("%+v, want %v", next, want)
	}
}

func TestEnvironment(t *testing.T) {
	p := pushed{servers: []netip.Addr{addr("10.0.0.2")}}
	for _, text := range []string{"UP", "ENV,dev=tun0", "ENV,foreign_option_1=dhcp-option DNS 10.0.0.2", "ENV,foreign_option_2=dhcp-option DNS6 2001:db8::53",
		"ENV,dns_server_1_address_1=10.0.0.5", "ENV,foreign_option_3=dhcp-option DOMAIN corp.example", "ENV,END"} {
		p.environment(text)
	}
	if want := []netip.Addr{addr("10.0.0.2"), addr("2001:db8::53"), addr("10.0.0.5")}; !slices.Equal(p.servers, want) {
		t.Errorf("%v, want %v", p.servers, want)
	}
}

// TestLatestAddresses: what is asked for again stays, what nobody asks for any
// more makes room.
func TestLatestAddresses(t *testing.T) {
	first, steady := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	list := appendLatest(nil, first, steady, steady)
	for next := netip.MustParseAddr("10.1.0.0"); len(list) < maxHosts; next = next.Next() {
		list = appendLatest(list, next, steady)
	}
	if !slices.Contains(list, first) {
		t.Fatalf("%s is gone of %d", first, len(list))
	}
	last := netip.MustParseAddr("10.2.0.0")
	list = appendLatest(list, last)
	if len(list) != maxHosts || slices.Contains(list, first) || !slices.Contains(list, steady) || list[maxHosts-1] != last {
		t.Errorf("%d addresses: %v", len(list), list)
	}
}
