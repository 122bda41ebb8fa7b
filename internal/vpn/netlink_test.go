package vpn

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

// The kernel's own doing: what Change makes is in View, Leaves believes it,
// and Watch tells of it.
func TestSystemKernel(t *testing.T) {
	s := newSite(t)
	s.ip("-n", s.device, "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
	s.ip("-n", s.device, "addr", "add", "10.0.77.1/16", "dev", "lan0")
	for _, l := range []string{"lan0", "lan1"} {
		s.ip("-n", s.device, "link", "set", l, "up")
	}
	s.ip("-n", s.device, "route", "add", "198.51.100.0/24", "nexthop", "via", "192.168.50.1", "nexthop", "via", "10.0.0.9")
	s.in(s.device, func() error {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		events, err := linux{}.Watch(ctx)
		if err != nil {
			return err
		}
		v, err := linux{}.View()
		if err != nil {
			return err
		}
		lan, network, ok := v.holder(addr("10.0.77.1"))
		if !ok || lan.name != "lan0" || !lan.up || network.String() != "10.0.77.1/16" {
			t.Errorf("lan0 is %+v, %v", lan, network)
		}
		if got := v.uplink(addr("203.0.113.10"), 0); got.String() != "eth0 via 192.168.50.1" || got.source != addr("192.168.50.10") {
			t.Errorf("uplink %+v", got)
		}
		if hops := slices.DeleteFunc(slices.Clone(v.routes), func(r route) bool { return r.dst.String() != "198.51.100.0/24" }); len(hops) != 2 {
			t.Errorf("a route with two next hops became %v", hops)
		}
		host := route{dst: netip.MustParsePrefix("10.9.9.9/32"), index: lan.index, protocol: protocol}
		server := route{dst: netip.MustParsePrefix("203.0.113.10/32"), index: v.uplink(netip.Addr{}, 0).index, gateway: addr("192.168.50.1"), protocol: protocol}
		if err := (linux{}).Change(nil, []route{host, server}); err != nil {
			return err
		}
		select {
		case <-events:
		case <-time.After(patience):
			t.Error("no event")
		}
		if index, err := (linux{}).Leaves(addr("10.9.9.9")); err != nil || index != lan.index {
			t.Errorf("leaves by %d, %v", index, err)
		}
		if v, err = (linux{}).View(); err != nil || !slices.Contains(v.ours(), host) || !slices.Contains(v.ours(), server) {
			t.Errorf("ours %v, %v", v.ours(), err)
		}
		// What is gone already is no error; a range that somebody else has is.
		if err := (linux{}).Change([]route{host, server, host}, nil); err != nil {
			t.Error(err)
		}
		taken := route{dst: netip.MustParsePrefix("10.0.0.0/16"), index: lan.index, protocol: protocol}
		if err := (linux{}).Change(nil, []route{taken}); err == nil {
			t.Error("the LAN's own route was replaced")
		}
		return s.besideOthers(lan.index)
	})
}

// A gateway that is asked for in vain is asked for anew at once; one that has
// answered is left alone.
func TestSystemReask(t *testing.T) {
	s := newSite(t)
	known := func(state string) bool {
		return strings.Contains(s.ip("-n", s.device, "neigh", "show", "dev", "eth0"), state)
	}
	s.ip("-n", s.device, "neigh", "add", "192.168.50.7", "dev", "eth0", "lladdr", "02:00:00:00:00:07", "nud", "reachable")
	s.in(s.device, func() error {
		conn, err := net.Dial("udp", "192.168.50.66:9")
		if err != nil {
			return err
		}
		defer conn.Close()
		if _, err := conn.Write([]byte("anybody?")); err != nil {
			return err
		}
		until(t, "the kernel asks", func() bool { return known("192.168.50.66 INCOMPLETE") || known("192.168.50.66 FAILED") })
		v, err := linux{}.View()
		if err != nil {
			return err
		}
		return linux{}.Reask(v.uplink(netip.Addr{}, 0).index)
	})
	if known("192.168.50.66") || !known("192.168.50.7 ") {
		t.Errorf("neighbours:\n%s", s.ip("-n", s.device, "neigh", "show"))
	}
}

// besideOthers puts routes where others have one for the same range: before that
// of a program that leads into its own device, never before a router's.
func (s *site) besideOthers(index int) error {
	s.ip("-n", s.device, "route", "add", "10.77.0.0/16", "dev", "eth0")
	s.ip("-n", s.device, "route", "add", "10.78.0.0/16", "via", "192.168.50.1")
	into := route{dst: netip.MustParsePrefix("10.77.0.0/16"), index: index, protocol: protocol}
	by := route{dst: netip.MustParsePrefix("10.78.0.0/16"), index: index, protocol: protocol}
	if err := (linux{}).Change(nil, []route{into}); err != nil {
		return err
	}
	if got, err := (linux{}).Leaves(addr("10.77.1.1")); err != nil || got != index {
		s.t.Errorf("beside the other's route it leaves by %d, %v: %s", got, err, s.routes())
	}
	if err := (linux{}).Change(nil, []route{by}); err == nil {
		s.t.Error("a router's way was taken away")
	}
	if err := (linux{}).Change([]route{into}, nil); err != nil {
		return err
	}
	if !s.has("10.77.0.0/16 dev eth0") || s.has("10.77.0.0/16 dev lan0") {
		s.t.Errorf("after that: %s", s.routes())
	}
	return nil
}
