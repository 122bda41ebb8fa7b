package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"

	"github.com/vishvananda/netlink"
)

// checkEndpoint asks the kernel by which device each address would be reached.
func checkEndpoint(_ context.Context, x *examination) outcome {
	for _, a := range x.addrs {
		device, err := leavesBy(a)
		if err != nil {
			return fault(fmt.Sprintf("%s: %v", a, err), "`ip route get "+a.String()+"` shows what is missing; the daemon sets these routes while it runs.")
		}
		if device != x.path.Device {
			return fault(fmt.Sprintf("%s would leave by %s, not by %s", a, device, x.path.Device),
				"`ip route get "+a.String()+"` shows who takes it: a LAN with the same range, another VPN, or a daemon that does not run.")
		}
	}
	return ok(fmt.Sprintf("%s, through %s", texts(x.addrs), x.path.Device))
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
	var reached, lost []string
	for _, a := range x.addrs {
		to := netip.AddrPortFrom(a, x.config.Endpoint.Port)
		d := boundDialer(x.path.Device)
		d.Timeout = checkLimit / 3
		conn, err := d.DialContext(ctx, "tcp4", to.String())
		if err != nil {
			lost = append(lost, fmt.Sprintf("%s: %s", to, networkError(err)))
			continue
		}
		_ = conn.Close()
		reached = append(reached, to.String())
	}
	const fix = "let the port from the VPN's range into the VPC endpoint's security group; each address is one availability zone."
	switch {
	case len(reached) == 0:
		return fault(strings.Join(lost, "; "), fix)
	case len(lost) > 0:
		return warning(strings.Join(lost, "; ")+"; but "+strings.Join(reached, ", ")+" answers", fix)
	}
	return ok(strings.Join(reached, ", "))
}

// networkError says it without addresses and system calls.
func networkError(err error) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "no answer"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
