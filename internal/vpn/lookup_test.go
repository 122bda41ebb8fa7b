package vpn

import (
	"errors"
	"net/netip"
	"testing"
)

func TestAddressesTakeTurns(t *testing.T) {
	s := servers{known: map[string][]netip.Addr{}, tried: map[netip.Addr]int{}}
	q := remote{host: "vpn.example", port: "443", proto: "udp"}
	a, b, c, six := addr("203.0.113.1"), addr("203.0.113.2"), addr("203.0.113.3"), addr("2001:db8::1")
	steps := []struct {
		f    found
		want netip.Addr
	}{
		{found{query: q, addrs: []netip.Addr{a, b}}, a},
		{found{query: q, addrs: []netip.Addr{a, b}}, b}, // its order need not change for that
		{found{query: q, addrs: []netip.Addr{b, a, c}}, c},
		{found{query: q, addrs: []netip.Addr{c, b, a}}, a},
		{found{query: q, err: errors.New("timeout")}, b}, // from memory
		{found{query: remote{host: "vpn.example", proto: "udp4"}, addrs: []netip.Addr{six, c}}, c},
	}
	for i, st := range steps {
		if got, err := s.choose(st.f); err != nil || got != st.want {
			t.Errorf("step %d: %v, %v, want %v", i, got, err, st.want)
		}
	}
	if got, err := s.choose(found{query: remote{host: "other.example"}, err: errors.New("timeout")}); err == nil {
		t.Errorf("an address out of nowhere: %v", got)
	}
	if got, err := s.choose(found{query: remote{host: "six.example", proto: "udp4"}, addrs: []netip.Addr{six}}); err == nil {
		t.Errorf("an IPv6 address for udp4: %v", got)
	}
}
