package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// kernel is what the proof asks the kernel; tests answer in its place.
type kernel interface {
	// leaves returns nil if packets of any program to a leave through the
	// path's device, and else an error that names what takes them.
	leaves(a netip.Addr, path Path) error
	// watch signals after every change that may lead packets elsewhere, until
	// ctx ends. A closed channel means that changes can no longer be seen.
	watch(ctx context.Context) (<-chan struct{}, error)
}

// fib is the kernel's own forwarding table, rules included.
type fib struct{}

// leaves asks for the entry that matches and not for one resolved route: of a
// multipath entry that shows every way out, not the one of a lucky hash. It asks
// as an unbound socket does, for that is how other programs go.
func (fib) leaves(a netip.Addr, path Path) error {
	routes, err := netlink.RouteGetWithOptions(a.AsSlice(), &netlink.RouteGetOptions{FIBMatch: true})
	if err != nil {
		return fmt.Errorf("no route to %s: %w", a, err)
	}
	for _, r := range routes {
		if r.Type != unix.RTN_UNICAST {
			return fmt.Errorf("%s is taken by a route of type %s", a, routeType(r.Type))
		}
		// By index: a device that was made anew has the old one's name.
		for _, out := range waysOut(r) {
			if out != path.Index {
				return fmt.Errorf("%s would leave through %s, not %s", a, deviceName(out), path.Device)
			}
		}
	}
	if len(routes) == 0 {
		return fmt.Errorf("no route to %s", a)
	}
	return nil
}

func waysOut(r netlink.Route) []int {
	if len(r.MultiPath) == 0 {
		return []int{r.LinkIndex}
	}
	var out []int
	for _, hop := range r.MultiPath {
		out = append(out, hop.LinkIndex)
	}
	return out
}

func routeType(t int) string {
	if t == unix.RTN_LOCAL {
		return "local (it is an address of this device)"
	}
	return fmt.Sprintf("%d", t)
}

func deviceName(index int) string {
	if i, err := net.InterfaceByIndex(index); err == nil {
		return i.Name
	}
	return fmt.Sprintf("device %d", index)
}

// watch listens for more than routes: the kernel drops the routes of a device
// that goes down, and those of a removed address, without a message of its own
// for each.
func (fib) watch(ctx context.Context) (<-chan struct{}, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR,
		unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_NEXTHOP)
	if err != nil {
		return nil, fmt.Errorf("listening for route changes: %w", err)
	}
	stop := context.AfterFunc(ctx, s.Close)
	events := make(chan struct{}, 1)
	go func() {
		defer close(events)
		defer s.Close()
		defer stop()
		for {
			// What has changed does not matter, the table itself is asked. Nor
			// does it matter that messages were lost.
			if _, _, err := s.Receive(); err != nil && !transient(err) {
				return
			}
			select {
			case events <- struct{}{}:
			default:
			}
		}
	}()
	return events, nil
}

func transient(err error) bool {
	return errors.Is(err, syscall.ENOBUFS) || errors.Is(err, syscall.EINTR)
}
