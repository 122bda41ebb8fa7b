package resolver

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// leavesWell checks where the kernel sends 10.0.6.105; want is part of the
// error, "" for none.
func leavesWell(t *testing.T, p Path, want string) {
	t.Helper()
	err := fib{}.leaves(mustAddrs("10.0.6.105")[0], p)
	switch {
	case want == "" && err != nil:
		t.Errorf("sound, yet: %v", err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestFIBFollowsTheKernel(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		tun, lan := device(t, "eavf0", "172.31.0.34/27"), device(t, "eavf1", "192.168.1.7/24")
		leavesWell(t, tun, "no route to 10.0.6.105")

		addRoute(t, lan, "0.0.0.0/0")
		leavesWell(t, tun, "10.0.6.105 would leave through eavf1, not eavf0")
		addRoute(t, tun, "10.0.6.105/32")
		leavesWell(t, tun, "")
		leavesWell(t, lan, "10.0.6.105 would leave through eavf0, not eavf1")
	})
}

func TestFIBSeesEveryHijack(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		tun, lan := device(t, "eavf0", "172.31.0.34/27"), device(t, "eavf1", "192.168.1.7/24")
		addRoute(t, tun, "10.0.0.0/16")
		leavesWell(t, tun, "")
		specific := routeOver(t, lan, "10.0.6.0/24")
		multipath := routeOver(t, lan, "10.0.6.105/32")
		multipath.LinkIndex = 0
		multipath.MultiPath = []*netlink.NexthopInfo{{LinkIndex: tun.Index}, {LinkIndex: lan.Index}}
		blackhole := routeOver(t, Path{}, "10.0.6.105/32")
		blackhole.Type = unix.RTN_BLACKHOLE
		unreachable := routeOver(t, Path{}, "10.0.6.105/32")
		unreachable.Type = unix.RTN_UNREACHABLE
		for _, tc := range []struct {
			name  string
			route *netlink.Route
			want  string
		}{
			{"more specific", specific, "would leave through eavf1, not eavf0"},
			{"one leg of a multipath", multipath, "would leave through eavf1, not eavf0"},
			{"blackhole", blackhole, "no route to 10.0.6.105"},
			{"unreachable", unreachable, "no route to 10.0.6.105"},
		} {
			if err := netlink.RouteAdd(tc.route); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			leavesWell(t, tun, tc.want)
			if err := netlink.RouteDel(tc.route); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			leavesWell(t, tun, "")
		}
	})
}

func TestFIBSeesRulesAndOwnAddresses(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		tun, lan := device(t, "eavf0", "172.31.0.34/27"), device(t, "eavf1", "192.168.1.7/24")
		addRoute(t, tun, "10.0.0.0/16")

		other := routeOver(t, lan, "0.0.0.0/0")
		other.Table = 100
		if err := netlink.RouteAdd(other); err != nil {
			t.Fatal(err)
		}
		rule := netlink.NewRule()
		rule.Table, rule.Priority = 100, 1000
		if err := netlink.RuleAdd(rule); err != nil {
			t.Fatal(err)
		}
		leavesWell(t, tun, "would leave through eavf1, not eavf0")
		if err := netlink.RuleDel(rule); err != nil {
			t.Fatal(err)
		}
		leavesWell(t, tun, "")

		device(t, "eavf2", "10.0.6.105/32")
		leavesWell(t, tun, "it is an address of this device")
	})
}

func TestFIBWatchSeesWhatMayMoveARoute(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		tun, lan := device(t, "eavf0", "172.31.0.34/27"), device(t, "eavf1", "192.168.1.7/24")
		ctx, cancel := context.WithCancel(t.Context())
		events, err := fib{}.watch(ctx)
		if err != nil {
			t.Fatal(err)
		}
		rule := netlink.NewRule()
		rule.Table, rule.Priority = 100, 1000
		link, err := netlink.LinkByIndex(lan.Index)
		if err != nil {
			t.Fatal(err)
		}
		addr, err := netlink.ParseAddr("192.168.1.7/24")
		if err != nil {
			t.Fatal(err)
		}
		for _, tc := range []struct {
			name   string
			change func() error
		}{
			{"route added", func() error { return netlink.RouteAdd(routeOver(t, tun, "10.0.0.0/16")) }},
			{"route removed", func() error { return netlink.RouteDel(routeOver(t, tun, "10.0.0.0/16")) }},
			{"rule added", func() error { return netlink.RuleAdd(rule) }},
			{"rule removed", func() error { return netlink.RuleDel(rule) }},
			{"address removed", func() error { return netlink.AddrDel(link, addr) }},
			{"device down", func() error { return netlink.LinkSetDown(link) }},
		} {
			drain(events)
			if err := tc.change(); err != nil {
				t.Fatalf("%s: %v", tc.name, err)
			}
			select {
			case <-events:
			case <-time.After(10 * time.Second):
				t.Errorf("%s: not seen", tc.name)
			}
		}
		cancel()
		for range events { // ends when it is closed
		}
	})
}

func TestFIBWatchGoesOnAfterLostMessages(t *testing.T) {
	for err, want := range map[error]bool{unix.ENOBUFS: true, unix.EINTR: true, unix.EBADF: false, os.ErrClosed: false} {
		if got := transient(fmt.Errorf("receiving: %w", err)); got != want {
			t.Errorf("%v is transient: %t", err, got)
		}
	}
}

// drain waits until a change of before has been seen and no more comes.
func drain(events <-chan struct{}) {
	for {
		select {
		case <-events:
		case <-time.After(50 * time.Millisecond):
			return
		}
	}
}
