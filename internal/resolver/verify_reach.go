package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"syscall"
)

// Reach asks whether anything comes back from the endpoint over a path, until ctx
// ends: the error is nil if one of the addresses that were last proved over this
// link takes a TCP connection, or refuses it. asked is false if none is known.
// Unlike [Verifier.Dial] it needs no proof that holds now, for it is asked when the
// resolver is silent; nothing is said over the connection, and no way but the
// path's device is taken.
func (v *Verifier) Reach(ctx context.Context, path Path) (asked bool, err error) {
	v.mu.Lock()
	known := v.witness
	v.mu.Unlock()
	if known.path.Link != path.Link || len(known.addrs) == 0 {
		return false, errors.New("no address of the endpoint is known over this link")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan error, len(known.addrs))
	for _, addr := range known.addrs {
		go func() { outcomes <- v.knock(ctx, netip.AddrPortFrom(addr, v.o.Endpoint.Port), path.Device) }()
	}
	for range known.addrs {
		if err = <-outcomes; err == nil {
			break
		}
	}
	return true, err
}

// knock connects and hangs up. A reset in place of the usual end saves two packets.
func (v *Verifier) knock(ctx context.Context, addr netip.AddrPort, device string) error {
	d := net.Dialer{KeepAlive: -1, Control: bindTo(device)}
	conn, err := d.DialContext(ctx, "tcp4", addr.String())
	if errors.Is(err, syscall.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reaching the endpoint through %s: %w", device, err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	if v.o.Wrap != nil {
		conn = v.o.Wrap(device, conn)
	}
	return conn.Close()
}
