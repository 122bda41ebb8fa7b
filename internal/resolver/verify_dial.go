package resolver

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// userTimeout is how long sent data may stay unacknowledged before the kernel
// gives a connection up (TCP_USER_TIMEOUT, tcp(7)). Longer than OpenVPN needs to
// be found dead, 20 s on AWS, which says more; far shorter than the MQTT
// keepalive, which would otherwise be what finds that one address of the
// endpoint is dead.
const userTimeout = 30 * time.Second

// NotProvedError refuses a dial: the address is not proved private now.
type NotProvedError struct {
	Address netip.AddrPort
	Why     string
}

// Error implements error.
func (e *NotProvedError) Error() string {
	return "not dialled: " + e.Why
}

// Dial connects to an address that is proved at this moment, through the
// link's device and no other (SO_BINDTODEVICE). For anything else the error
// wraps a *NotProvedError. Once the DNS answer has run out it is asked for
// again first; silence then leaves the proof as it is, see probe.hold.
//
// TCP keepalive is off: each probe would cost a packet on a metered link, and
// the MQTT keepalive does the same work.
func (v *Verifier) Dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	p, err := v.permit(ctx, a)
	if err != nil {
		v.recheck()
		return nil, err
	}
	d := net.Dialer{KeepAlive: -1, Control: dialControl(p.path.Device)}
	conn, err := d.DialContext(ctx, "tcp4", a.String())
	if err != nil {
		return nil, fmt.Errorf("dialling through %s: %w", p.path.Device, err)
	}
	if v.o.Wrap != nil {
		conn = v.o.Wrap(p.path.Device, conn)
	}
	// It may have been withdrawn meanwhile, and nobody would close this one.
	if !v.holds(p.path, a) {
		_ = conn.Close()
		return nil, &NotProvedError{Address: a, Why: "the proof was withdrawn while connecting"}
	}
	return conn, nil
}

// permit returns the proof that allows a to be dialled.
func (v *Verifier) permit(ctx context.Context, a netip.AddrPort) (proof, error) {
	p := v.current()
	refuse := func(why string) (proof, error) { return proof{}, &NotProvedError{Address: a, Why: why} }
	if !v.holds(p.path, a) {
		return refuse("it is not proved private")
	}
	r := v.fresh(ctx, p)
	switch r.verdict(v.o.Endpoint.PrivateCIDRs) {
	case verdictPublic:
		return refuse(fmt.Sprintf("%s now answers %s", r.Server, joinAddrs(r.Addresses)))
	case verdictPrivate:
		if !slices.Contains(r.Addresses, a.Addr()) {
			return refuse(fmt.Sprintf("%s now answers %s", r.Server, joinAddrs(r.Addresses)))
		}
	}
	if err := v.kernel.leaves(a.Addr(), p.path); err != nil {
		return refuse(err.Error())
	}
	return p, nil
}

// fresh returns the newest result over the proof's path, after asking again if
// the proof has run out.
func (v *Verifier) fresh(ctx context.Context, p proof) Result {
	if r, ok := v.o.Prober.lastOver(p.path); ok && time.Now().Before(r.At.Add(r.TTL)) {
		return r
	}
	// The dial's deadline must not pass for the resolver's silence.
	askCtx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, cancel)()
	r, err := v.o.Prober.result(askCtx, p.path)
	if err != nil {
		r.Err = err
	}
	return r
}

func (v *Verifier) current() proof {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.proof
}

// holds reports whether a is proved now, over this path.
func (v *Verifier) holds(path Path, a netip.AddrPort) bool {
	p := v.current()
	return a.Port() == v.o.Endpoint.Port && p.path.same(path) && slices.Contains(p.addrs, a.Addr())
}

func dialControl(device string) func(network, address string, c syscall.RawConn) error {
	bind := bindTo(device)
	return func(network, address string, c syscall.RawConn) error {
		if err := bind(network, address, c); err != nil {
			return err
		}
		var err error
		if ctlErr := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout.Milliseconds()))
		}); ctlErr != nil {
			return ctlErr
		}
		return err
	}
}
