package vpn

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// fakeKernel is a network in memory.
type fakeKernel struct {
	mu      sync.Mutex
	v       view
	bound   map[string]netip.Addr // devices with a way of their own, and its gateway
	events  []chan struct{}       // of those who watch
	check   func(v view)          // called after each change; nil: nothing is looked at
	reasked []int                 // devices
}

func newFakeKernel() *fakeKernel {
	eth := device{name: "eth0", index: 2, mtu: 1500, up: true, addresses: []netip.Prefix{netip.MustParsePrefix("192.168.50.10/24")}}
	return &fakeKernel{v: view{
		links: []device{{name: "lo", index: 1, up: true, loopback: true}, eth},
		routes: []route{
			{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 2, gateway: netip.MustParseAddr("192.168.50.1"), metric: 100},
			{dst: netip.MustParsePrefix("192.168.50.0/24"), index: 2, metric: 100},
		},
	}}
}

func (k *fakeKernel) Watch(context.Context) (<-chan struct{}, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	events := make(chan struct{}, 1)
	k.events = append(k.events, events)
	return events, nil
}

func (k *fakeKernel) View() (view, error) { return k.view(), nil }

func (k *fakeKernel) view() view {
	k.mu.Lock()
	defer k.mu.Unlock()
	return view{links: slices.Clone(k.v.links), routes: slices.Clone(k.v.routes)}
}

// change edits the network and tells those who watch it.
func (k *fakeKernel) change(f func(v *view)) {
	k.mu.Lock()
	f(&k.v)
	if k.check != nil {
		k.check(k.v)
	}
	watchers := slices.Clone(k.events)
	k.mu.Unlock()
	for _, events := range watchers {
		select {
		case events <- struct{}{}:
		default:
		}
	}
}

func (k *fakeKernel) makeTun(address string, index int) {
	k.change(func(v *view) {
		if _, ok := v.link(index); ok {
			return
		}
		removeLinks(v, "tun0")
		v.links = append(v.links, device{name: "tun0", index: index, mtu: 1500, up: true, addresses: []netip.Prefix{netip.MustParsePrefix(address + "/22")}})
	})
}

func (k *fakeKernel) removeTun() { k.change(func(v *view) { removeLinks(v, "tun0") }) }

func removeLinks(v *view, name string) {
	for _, l := range v.links {
		if l.name == name {
			v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r.index == l.index })
		}
	}
	v.links = slices.DeleteFunc(v.links, func(l device) bool { return l.name == name })
}

func (k *fakeKernel) Change(remove, add []route) error {
	if len(remove)+len(add) == 0 {
		return nil // no event either
	}
	k.change(func(v *view) {
		v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return slices.Contains(remove, r) })
		v.routes = append(v.routes, add...)
	})
	return nil
}

// Leaves follows the longest prefix, then the lowest metric; index 0 is a refusal.
func (k *fakeKernel) Reask(index int) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reasked = append(k.reasked, index)
	return nil
}

func (k *fakeKernel) Leaves(addr netip.Addr) (int, error) {
	v := k.view()
	return v.towards(addr).index, nil
}

// towards is the route that the kernel would take.
func (v view) towards(addr netip.Addr) route {
	best, found := route{}, false
	for _, r := range v.routes {
		longer := r.dst.Bits() > best.dst.Bits() || r.dst.Bits() == best.dst.Bits() && r.metric < best.metric
		if r.dst.Contains(addr) && (!found || longer) {
			best, found = r, true
		}
	}
	return best
}

// Bind notes the device that has a way of its own.
func (k *fakeKernel) Bind(d device, gateway netip.Addr) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.bound == nil {
		k.bound = map[string]netip.Addr{}
	}
	k.bound[d.name] = gateway
	return nil
}

func (k *fakeKernel) Unbind(d device) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.bound, d.name)
	return nil
}

// brokenKernel cannot be watched.
type brokenKernel struct {
	*fakeKernel
	err error
}

func (k brokenKernel) Watch(context.Context) (<-chan struct{}, error) { return nil, k.err }

// strictKernel lets nobody change routes.
type strictKernel struct{ *fakeKernel }

func (strictKernel) Change([]route, []route) error { return unix.EPERM }

// discard is a log for what is not looked at.
var discard = slog.New(slog.DiscardHandler)
