package lab

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
)

const (
	// distortPort is where what distorts the VPC resolver's answers listens.
	distortPort = 5300
	// distortTimeout bounds its own question to the resolver.
	distortTimeout = 2 * time.Second
)

// Distortion is what is done to every answer of the VPC resolver on its way to
// the device.
type Distortion struct {
	Delay     time.Duration // holds it back, over UDP and TCP alike
	Truncate  bool          // over UDP it is cut down to its header with the TC bit
	RefuseTCP bool          // TCP port 53 is closed
	Alias     string        // the endpoint's name is said to be an alias (CNAME) of this public name
}

// distortRules send questions that come from outside the VPC elsewhere: as
// little is changed for the resolver as for the device. Redirecting would need an
// address on the device that they come in by, and the SIM's has none.
const distortRules = `
table ip distort_dns {
	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		iifname != "lo" ip daddr %[1]s udp dport 53 dnat to %[3]s:%[2]d
		iifname != "lo" ip daddr %[1]s tcp dport 53 dnat to %[3]s:%[2]d
	}
}`

// DistortResolver puts d between the device and the VPC resolver until Restore.
// There can be one at a time.
func (l *Lab) DistortResolver(d Distortion) (*Distorter, error) {
	x := &Distorter{how: d, lab: l, stopped: make(chan struct{}), answered: make(chan struct{}, 1)}
	x.stop = sync.OnceFunc(x.shutDown)
	err := x.listen()
	if err == nil {
		err = l.VPC.nft(fmt.Sprintf(distortRules, nftSet(l.resolvers()), distortPort, ResolverAddr))
	}
	if err != nil {
		x.stop()
		return nil, fmt.Errorf("distorting the VPC resolver: %w", err)
	}
	l.atClose(x.stop)
	return x, nil
}

// Distorter answers in the VPC resolver's place with what that answers.
type Distorter struct {
	how      Distortion
	lab      *Lab
	servers  []*dns.Server
	answered chan struct{} // an answer went out
	stopped  chan struct{}
	stop     func()
}

// Restore lets the device talk to the resolver itself again.
func (x *Distorter) Restore() error {
	err := x.lab.VPC.nft("delete table ip distort_dns")
	x.stop()
	return err
}

// Answered waits until a distorted answer has gone out since it was last called.
func (x *Distorter) Answered(ctx context.Context) error {
	select {
	case <-x.answered:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("waiting for a question to the VPC resolver: %w", ctx.Err())
	}
}

// listen serves UDP, and TCP unless that is to be refused.
func (x *Distorter) listen() error {
	addr := fmt.Sprintf("0.0.0.0:%d", distortPort)
	packets, err := x.lab.VPC.ListenUDP(addr)
	if err != nil {
		return err
	}
	x.serve(&dns.Server{PacketConn: packets})
	if x.how.RefuseTCP {
		return nil
	}
	listener, err := x.lab.VPC.Listen(addr)
	if err != nil {
		return err
	}
	x.serve(&dns.Server{Listener: listener})
	return nil
}

// serve starts s and waits until it can be shut down, which is when it serves.
func (x *Distorter) serve(s *dns.Server) {
	ready := make(chan struct{})
	s.Handler, s.NotifyStartedFunc = x, func() { close(ready) }
	go func() { _ = s.ActivateAndServe() }() // it ends with stop
	<-ready
	x.servers = append(x.servers, s)
}

func (x *Distorter) shutDown() {
	close(x.stopped)
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	for _, s := range x.servers {
		_ = s.ShutdownContext(ctx) // a client that hangs on is none of our business
	}
}

// ServeDNS implements dns.Handler.
func (x *Distorter) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	hold := time.NewTimer(x.how.Delay)
	defer hold.Stop()
	select {
	case <-hold.C:
	case <-x.stopped:
		return
	}
	r, err := x.ask(q)
	if err != nil {
		return // as silent as the resolver is
	}
	if x.how.Alias != "" {
		x.alias(q, r)
	}
	if x.how.Truncate && w.RemoteAddr().Network() == "udp" {
		r.Truncated, r.Answer, r.Ns = true, nil, nil
	}
	_ = w.WriteMsg(r) // who asked may be gone
	select {
	case x.answered <- struct{}{}:
	default:
	}
}

// ask passes a question on to the real resolver.
func (x *Distorter) ask(q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(context.Background(), distortTimeout)
	defer cancel()
	conn, err := x.lab.VPC.Dial(ctx, "udp", netip.AddrPortFrom(ResolverAddr, 53).String())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	client := dns.Client{Timeout: distortTimeout}
	r, _, err := client.ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
	return r, err
}

// alias has r say that the endpoint's name leads to OrdinaryHost's address by
// way of another name.
func (x *Distorter) alias(q, r *dns.Msg) {
	if len(q.Question) != 1 || q.Question[0].Qtype != dns.TypeA || q.Question[0].Name != dns.Fqdn(EndpointHost) {
		return
	}
	name, target := q.Question[0].Name, dns.Fqdn(x.how.Alias)
	header := func(name string, kind uint16) dns.RR_Header {
		return dns.RR_Header{Name: name, Rrtype: kind, Class: dns.ClassINET, Ttl: uint32(x.lab.opts.ttl())}
	}
	r.Answer = []dns.RR{
		&dns.CNAME{Hdr: header(name, dns.TypeCNAME), Target: target},
		&dns.A{Hdr: header(target, dns.TypeA), A: OrdinaryAddr.AsSlice()},
	}
}
