package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/lab"
)

// upstreamAddr is where the uplink's server for all forwarders listens.
var upstreamAddr = lab.OrdinaryAddr

// upstreamTTL is longer than any measurement.
const upstreamTTL = 3600

// withUpstream runs fn with an agent that has a DNS server of ours on its uplink.
func (r *run) withUpstream(ctx context.Context, fn func(*lab.Lab, *lab.Agent) error) error {
	l, err := lab.Start(ctx, lab.Options{Config: map[string]string{"resolver.upstream": "[" + upstreamAddr.String() + "]"}})
	if err != nil {
		return err
	}
	defer l.Close() // the figures are what counts
	stop, err := startUpstream(l)
	if err != nil {
		return err
	}
	defer stop()
	return r.startIn(ctx, l, fn)
}

// startUpstream answers every question with the VPN server's address, which is
// what the agent asks for, at once: what a forwarder adds must not drown in what
// its server takes.
func startUpstream(l *lab.Lab) (stop func(), err error) {
	conn, err := l.Uplink.ListenUDP(netip.AddrPortFrom(upstreamAddr, 53).String())
	if err != nil {
		return nil, fmt.Errorf("starting the uplink's DNS server: %w", err)
	}
	go serveUpstream(conn)
	return func() { conn.Close() }, nil
}

// serveUpstream answers until its socket is closed.
func serveUpstream(conn *net.UDPConn) {
	buf := make([]byte, dns.MaxMsgSize)
	for {
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		var q dns.Msg
		if err != nil || q.Unpack(buf[:n]) != nil || len(q.Question) != 1 {
			continue
		}
		m := new(dns.Msg).SetReply(&q)
		if opt := q.IsEdns0(); opt != nil {
			m.SetEdns0(1232, false)
		}
		m.RecursionAvailable = true
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: upstreamTTL},
			A:   lab.VPNAddr.AsSlice(),
		}}
		if raw, err := m.Pack(); err == nil {
			_, _ = conn.WriteToUDPAddrPort(raw, from) // a forwarder that is gone is noticed elsewhere
		}
	}
}

// answerTimeout is longer than any server's own patience here.
const answerTimeout = 5 * time.Second

// asker is one client of a DNS server, with a socket of its own on the device.
type asker struct {
	conn net.Conn
	buf  []byte
	id   uint16
}

func newAsker(ctx context.Context, n *lab.Node, server netip.Addr) (*asker, error) {
	conn, err := n.Dial(ctx, "udp", netip.AddrPortFrom(server, 53).String())
	if err != nil {
		return nil, err
	}
	return &asker{conn: conn, buf: make([]byte, 4096)}, nil
}

func (a *asker) close() { a.conn.Close() }

// errNoAnswer is an answer without an address.
var errNoAnswer = errors.New("the answer has no address")

// ask returns how long it took from sending the question to the answer.
func (a *asker) ask(name string) (time.Duration, error) {
	q := new(dns.Msg).SetQuestion(name, dns.TypeA)
	a.id++
	q.Id = a.id
	raw, err := q.Pack()
	if err != nil {
		return 0, err
	}
	if err := a.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return 0, err
	}
	began := time.Now()
	if _, err := a.conn.Write(raw); err != nil {
		return 0, err
	}
	for {
		n, err := a.conn.Read(a.buf)
		took := time.Since(began)
		if err != nil {
			return took, err
		}
		var m dns.Msg
		if m.Unpack(a.buf[:n]) != nil || m.Id != a.id {
			continue // a late answer to an earlier question
		}
		if len(m.Answer) == 0 {
			return took, fmt.Errorf("asking for %s: %w: %s", name, errNoAnswer, dns.RcodeToString[m.Rcode])
		}
		return took, nil
	}
}
