package resolver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// How long an answer is waited for when the Client does not say.
const (
	defaultUDPTimeout = 2 * time.Second
	defaultTCPTimeout = 5 * time.Second // a SYN lost once is sent again after 1 s, then 3 s
)

// ErrTruncated means that the server did answer, but that the whole answer
// could not be had: too long for UDP, and TCP failed.
var ErrTruncated = errors.New("answer truncated")

// Path is where queries into the VPC go: the device and the resolvers behind it.
type Path struct {
	Link    string       // name of the link in the configuration
	Device  string       // e.g. tun0
	Index   int          // of the device: a new one means a new device, same name or not
	Address netip.Prefix // of the device
	Servers []netip.Addr // VPC resolvers, the preferred first
}

// same reports whether both paths are the same device with the same address:
// what was learnt over one holds for the other.
func (p Path) same(q Path) bool {
	return p.Link == q.Link && p.Device == q.Device && p.Index == q.Index && p.Address == q.Address
}

// Client exchanges one DNS message with one server. Zero timeouts mean 2 s for
// UDP and 5 s for TCP; they must not change while it is used. It is safe for
// concurrent use.
type Client struct {
	UDPTimeout, TCPTimeout time.Duration
	// Wrap, unless nil, is given each connection that is bound to a device, to
	// count what it costs. It must leave a packet connection one.
	Wrap func(device string, c net.Conn) net.Conn

	patience patience // with a server over UDP
}

// Exchange asks server over UDP and, if the answer is truncated or does not
// come in time, over TCP. With a device the sockets are bound to it
// (SO_BINDTODEVICE), whatever the routes say.
//
// The query goes out under a random id of its own and the answer carries q's
// id again. What does not match in source, id and question is skipped, for it
// may be forged. A server that refuses (ICMP port unreachable, TCP reset) is an
// error that wraps syscall.ECONNREFUSED, silence one that wraps
// os.ErrDeadlineExceeded, an answer that stays truncated one that wraps ErrTruncated.
func (c *Client) Exchange(ctx context.Context, q *dns.Msg, server netip.AddrPort, device string) (*dns.Msg, error) {
	m := *q
	m.Id = dns.Id()
	r, err := c.try(ctx, "udp", &m, server, device)
	if err == nil && r.Truncated {
		err = ErrTruncated
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, ErrTruncated) {
		var tcpErr error
		if r, tcpErr = c.try(ctx, "tcp", &m, server, device); tcpErr == nil {
			err = nil
		} else {
			err = fmt.Errorf("%w; then over TCP: %w", err, tcpErr)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", server, err)
	}
	r.Id = q.Id
	return r, nil
}

// try is one question over one transport.
func (c *Client) try(ctx context.Context, network string, m *dns.Msg, server netip.AddrPort, device string) (*dns.Msg, error) {
	timeout := c.timeout(network)
	tryCtx, cancel := c.within(ctx, network, timeout)
	defer cancel()
	r, err := c.exchange(tryCtx, network, m, server, device)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil && !errors.Is(context.Cause(ctx), context.DeadlineExceeded):
		return nil, context.Canceled
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(context.Cause(tryCtx), context.DeadlineExceeded):
		// One kind of error for both of Go's: of the dial and of the read.
		return nil, fmt.Errorf("no answer over %s in %s: %w", strings.ToUpper(network), timeout, os.ErrDeadlineExceeded)
	}
	return nil, err
}

// within bounds a try. TCP is tried too seldom to be worth a timer that is kept.
func (c *Client) within(ctx context.Context, network string, timeout time.Duration) (context.Context, context.CancelFunc) {
	if network == "tcp" {
		return context.WithTimeout(ctx, timeout)
	}
	return c.patience.within(ctx, timeout)
}

func (c *Client) timeout(network string) time.Duration {
	configured, otherwise := c.UDPTimeout, defaultUDPTimeout
	if network == "tcp" {
		configured, otherwise = c.TCPTimeout, defaultTCPTimeout
	}
	if configured > 0 {
		return configured
	}
	return otherwise
}

// exchange sends m and reads until something answers it or ctx ends.
func (c *Client) exchange(ctx context.Context, network string, m *dns.Msg, server netip.AddrPort, device string) (*dns.Msg, error) {
	d := net.Dialer{KeepAlive: -1, Control: bindTo(device)}
	// A connected UDP socket: the kernel drops what comes from elsewhere, and
	// an ICMP refusal becomes an error of the read.
	conn, err := d.DialContext(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	if c.Wrap != nil && device != "" {
		conn = c.Wrap(device, conn)
	}
	defer afterwardsDo(ctx, func() { _ = conn.Close() })
	// Reads and writes know deadlines only: the end of ctx becomes one.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()

	wire := &dns.Conn{Conn: conn, UDPSize: udpSize(m)}
	if err := wire.WriteMsg(m); err != nil {
		return nil, err
	}
	for {
		r, err := wire.ReadMsg()
		if isFatal(err) {
			return nil, err
		}
		if err == nil && matches(r, m) {
			return r, nil
		}
	}
}

// isFatal tells a broken connection from a message that does not parse, which
// may be forged and is skipped like any other that does not match.
func isFatal(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

func udpSize(m *dns.Msg) uint16 {
	if opt := m.IsEdns0(); opt != nil {
		return max(opt.UDPSize(), dns.MinMsgSize)
	}
	return dns.MinMsgSize
}

// matches reports whether r is an answer to m. Errors may come without the
// question: a server that cannot parse EDNS returns the bare header (RFC 6891,
// section 7).
func matches(r, m *dns.Msg) bool {
	if !r.Response || r.Id != m.Id || r.Opcode != m.Opcode {
		return false
	}
	if len(r.Question) == 0 {
		return len(r.Answer) == 0 && r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError
	}
	if len(r.Question) != 1 || len(m.Question) != 1 {
		return false
	}
	a, b := r.Question[0], m.Question[0]
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && strings.EqualFold(a.Name, b.Name)
}

// bindTo returns a net.Dialer Control that binds the socket to a network
// device. It needs CAP_NET_RAW before Linux 5.7.
func bindTo(device string) func(network, address string, c syscall.RawConn) error {
	if device == "" {
		return nil
	}
	return func(_, _ string, c syscall.RawConn) error {
		var err error
		if ctlErr := c.Control(func(fd uintptr) {
			err = unix.BindToDevice(int(fd), device)
		}); ctlErr != nil {
			return ctlErr
		}
		if err != nil {
			return fmt.Errorf("binding to %s: %w", device, err)
		}
		return nil
	}
}
