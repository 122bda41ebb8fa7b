package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"github.com/vishvananda/netlink"
)

// checkEndpoint asks the kernel by which device each address would be reached.
func checkEndpoint(_ context.Context, x *examination) outcome {
	for _, a := range x.addrs {
		device, err := leavesBy(a)
		if err != nil {
			return fault(say("endpoint.noroute", a), say("endpoint.noroute.fix", a))
		}
		if device != x.path.Device {
			return fault(say("endpoint.elsewhere", a, device, x.path.Device), say("endpoint.elsewhere.fix", a))
		}
	}
	return ok(say("endpoint.ok", texts(x.addrs), x.path.Device))
}

func leavesBy(a netip.Addr) (string, error) {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 {
		return "", errors.Join(errors.New("there is no route"), err)
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", fmt.Errorf("looking at the route's device: %w", err)
	}
	return link.Attrs().Name, nil
}

// checkTCP connects to every address: one dead out of two is found only so.
func checkTCP(ctx context.Context, x *examination) outcome {
	reached, lost := connectAll(ctx, x.path.Device, x.addrs, x.config.Endpoint.Port)
	fix := say("tcp.fix", x.config.Endpoint.Port)
	switch {
	case len(reached) == 0:
		return fault(lost, fix)
	case len(lost.parts) > 0:
		return warning(say("tcp.some", lost, addrPorts(reached)), fix)
	}
	return ok(plain(addrPorts(reached)))
}

// connectAll connects to all addresses at once, through a device.
func connectAll(ctx context.Context, device string, addrs []netip.Addr, port uint16) (reached []netip.AddrPort, lost list) {
	faults := make([]error, len(addrs))
	var running sync.WaitGroup
	for i, a := range addrs {
		running.Go(func() {
			d := boundDialer(device)
			d.Timeout = connectWait
			conn, err := d.DialContext(ctx, "tcp4", netip.AddrPortFrom(a, port).String())
			if err == nil {
				_ = conn.Close()
			}
			faults[i] = err
		})
	}
	running.Wait()
	lost.between = "; "
	for i, a := range addrs {
		to := netip.AddrPortFrom(a, port)
		if faults[i] != nil {
			lost.parts = append(lost.parts, say("tcp.lost", to, networkError(faults[i])))
			continue
		}
		reached = append(reached, to)
	}
	return reached, lost
}

func addrPorts(list []netip.AddrPort) string {
	var all []string
	for _, a := range list {
		all = append(all, a.String())
	}
	return strings.Join(all, ", ")
}

// networkError says it without addresses and system calls.
func networkError(err error) words {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return say("net.refused")
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return say("net.noroute")
	case errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout():
		return say("net.silent")
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return foreign(op.Err.Error())
	}
	return foreign(err.Error())
}
