package vpn

import (
	"net/netip"
	"slices"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// TestLaneForgetsADeadDevice has the device of a link that waits made anew, under
// another number: what led over the old one is not what will be, and is not put
// into the kernel when the link's turn comes.
func TestLaneForgetsADeadDevice(t *testing.T) {
	k := newFakeKernel()
	r := newRoads(k, nil)
	front, waits := r.lane(config.Link{Name: "canal", Interface: []string{"ppp0"}}), r.lane(config.Link{Name: "vpn"})
	if err := r.put(front); err != nil {
		t.Fatal(err)
	}
	host := netip.MustParseAddr("10.0.6.105")
	for _, index := range []int{11, 12, 13} {
		k.removeTun()
		k.makeTun("10.100.0.2", index)
		v, err := waits.View()
		if err != nil {
			t.Fatal(err)
		}
		remove, add := difference(v.unicast(), []route{{dst: netip.PrefixFrom(host, 32), index: index, protocol: protocol}})
		if err := waits.Change(remove, add); err != nil {
			t.Fatal(err)
		}
		if got, err := waits.Leaves(host); got != index || err != nil {
			t.Errorf("over device %d, %v; want %d", got, err, index)
		}
		if len(waits.want) != 1 {
			t.Errorf("%d routes are kept for one device: %+v", len(waits.want), waits.want)
		}
	}
	if err := r.put(waits); err != nil {
		t.Fatal(err)
	}
	v := k.view()
	if got := v.unicast(); len(got) != 1 || got[0].index != 13 {
		t.Errorf("the kernel got %+v, want the route over device 13", got)
	}
	k.removeTun()
	if err := r.put(front); err != nil {
		t.Fatal(err)
	}
	if err := r.put(waits); err != nil {
		t.Fatal(err)
	}
	v = k.view()
	if got := v.unicast(); slices.ContainsFunc(got, func(r route) bool { return r.index == 13 }) {
		t.Errorf("a route over a device that is gone: %+v", got)
	}
}

// An agent that was started by hand lacks a capability: no fault of the program.
func TestRoutesThatNobodyMayChange(t *testing.T) {
	l := newLinks(LinksOptions{
		Log: discard, Links: []config.Link{{Name: "vpn", Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}},
	}, strictKernel{newFakeKernel()})
	var said status.Update
	err := l.Run(t.Context(), func(u status.Update) { said = u })
	if err == nil || said.State != status.Down || said.Reason != status.ReasonTunUnavailable {
		t.Errorf("it says %+v and ends with %v", said, err)
	}
}
