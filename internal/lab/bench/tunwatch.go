package bench

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"

	"edgeagent/internal/lab"
)

// tunWatch learns from the kernel when the device gets an address of the VPN,
// which OpenVPN gives it right before it calls itself connected.
type tunWatch struct {
	done  chan struct{}
	first chan time.Time
}

func watchTun(n *lab.Node) (*tunWatch, error) {
	w := &tunWatch{done: make(chan struct{}), first: make(chan time.Time, 1)}
	updates := make(chan netlink.AddrUpdate)
	if err := n.Do(func() error { return netlink.AddrSubscribe(updates, w.done) }); err != nil {
		return nil, fmt.Errorf("watching the device's addresses: %w", err)
	}
	go w.run(updates)
	return w, nil
}

// run notes the time of the first address of the VPN and drops all else, until
// the subscription ends.
func (w *tunWatch) run(updates <-chan netlink.AddrUpdate) {
	for u := range updates {
		addr, ok := netip.AddrFromSlice(u.LinkAddress.IP)
		if !ok || !u.NewAddr || !lab.VPNClients.Contains(addr.Unmap()) {
			continue
		}
		// Only the first one counts: later ones are reconnects.
		select {
		case w.first <- time.Now():
		default:
		}
	}
}

func (w *tunWatch) stop() { close(w.done) }

// wait returns when the first address of the VPN came.
func (w *tunWatch) wait(ctx context.Context) (time.Time, error) {
	select {
	case at := <-w.first:
		return at, nil
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("waiting for an address of the VPN: %w", ctx.Err())
	}
}
