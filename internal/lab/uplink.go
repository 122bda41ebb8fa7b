package lab

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

// readyEvery paces the wait for a program to be ready.
const readyEvery = 5 * time.Millisecond

// startUplink starts the site's DNS, which is the public one too, and the
// broker of the trap.
func (l *Lab) startUplink(ctx context.Context) error {
	return parallel(
		func() error {
			p, err := l.start(l.Uplink, "dnsmasq", "dnsmasq", "--conf-file="+l.path("uplink", "dnsmasq.conf"))
			if err != nil {
				return err
			}
			return l.waitDNS(ctx, p, l.Uplink, PublicDNS, OrdinaryHost)
		},
		func() error {
			p, err := l.start(l.Uplink, "trap", "mosquitto", "-c", l.path("uplink", "trap.conf"))
			if err != nil {
				return err
			}
			return l.waitTCP(ctx, p, l.Uplink, netip.AddrPortFrom(TrapAddrs[0], BrokerPort))
		},
	)
}

// waitDNS waits until a resolver on node n answers for name.
func (l *Lab) waitDNS(ctx context.Context, p *Process, n *Node, server netip.Addr, name string) error {
	return waitReady(ctx, p, readyEvery, func() error {
		answer, err := n.Resolve(ctx, server, name)
		if err == nil && len(answer.Addrs) == 0 {
			err = fmt.Errorf("%s is %s", name, answer.Code)
		}
		return err
	})
}

// waitTCP waits until something on node n accepts connections.
func (l *Lab) waitTCP(ctx context.Context, p *Process, n *Node, addr netip.AddrPort) error {
	return waitReady(ctx, p, readyEvery, func() error {
		conn, err := n.Dial(ctx, "tcp", addr.String())
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// waitReady polls until try succeeds, or p or ctx ends.
func waitReady(ctx context.Context, p *Process, every time.Duration, try func() error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	err := Poll(ctx, every, func() error {
		err := try()
		if dead := p.alive(); err != nil && dead != nil {
			cancel(dead)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting for %s: %w: %w", p.Name, context.Cause(ctx), err)
	}
	return nil
}

// Answer is what a resolver said.
type Answer struct {
	Code  string       // NOERROR, NXDOMAIN, ...
	Addrs []netip.Addr // sorted
}

// resolveTimeout bounds one question of Resolve.
const resolveTimeout = time.Second

// Resolve asks a server for the addresses of name, from inside the node and
// past its own resolver.
func (n *Node) Resolve(ctx context.Context, server netip.Addr, name string) (Answer, error) {
	conn, err := n.Dial(ctx, "udp", netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	client := dns.Client{Timeout: resolveTimeout}
	query := new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA)
	reply, _, err := client.ExchangeWithConnContext(ctx, query, &dns.Conn{Conn: conn})
	if err != nil {
		return Answer{}, fmt.Errorf("asking %s for %s: %w", server, name, err)
	}
	answer := Answer{Code: dns.RcodeToString[reply.Rcode]}
	for _, rr := range reply.Answer {
		if a, ok := rr.(*dns.A); ok {
			addr, _ := netip.AddrFromSlice(a.A.To4())
			answer.Addrs = append(answer.Addrs, addr)
		}
	}
	slices.SortFunc(answer.Addrs, netip.Addr.Compare)
	return answer, nil
}
