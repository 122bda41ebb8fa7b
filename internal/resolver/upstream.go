package resolver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// Policy of asking.
const (
	// ednsSize is the largest UDP answer asked for and offered: what passes any
	// path unfragmented (DNS Flag Day 2020).
	ednsSize = 1232
	// hedgeAfter is how long one server may be silent before the next is asked
	// as well: longer than a round trip over LTE, shorter than patience.
	hedgeAfter = 500 * time.Millisecond
	// loopOption carries our mark in queries to servers on this device
	// (RFC 6891, section 9: local use).
	loopOption = dns.EDNS0LOCALSTART + 0xEA
)

// pool remembers which of several servers answered last. The zero value is
// ready.
type pool struct {
	hedges patience

	mu   sync.Mutex
	good netip.AddrPort
}

// outcome is what one server said.
type outcome struct {
	server netip.AddrPort
	msg    *dns.Msg
	err    error
}

// exchange asks the last good server first, and the next one as soon as an
// error comes back or nothing in hedgeAfter. The first decisive answer wins. If
// there is none, the last other answer is returned, or else all errors. mark, if
// any, returns the query as a server is to get it.
func (p *pool) exchange(ctx context.Context, ask asker, q *dns.Msg, servers []netip.AddrPort, device string,
	mark func(*dns.Msg, netip.AddrPort) *dns.Msg) (*dns.Msg, error) {
	servers = p.order(servers)
	if len(servers) == 1 { // the common case needs nobody beside it
		m, err := askWith(ctx, ask, q, servers[0], device, mark)
		if err != nil && ctx.Err() != nil {
			err = fmt.Errorf("no answer in time: %w", errors.Join(context.Cause(ctx), err))
		}
		return m, err
	}
	return p.race(ctx, servers, func(ctx context.Context, server netip.AddrPort) (*dns.Msg, error) {
		return askWith(ctx, ask, q.Copy(), server, device, mark) // packing a message writes to it
	})
}

// race has several servers asked, until one has answered.
func (p *pool) race(ctx context.Context, servers []netip.AddrPort,
	ask func(context.Context, netip.AddrPort) (*dns.Msg, error)) (*dns.Msg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	outcomes := make(chan outcome, len(servers))
	next := make(chan struct{}, 1) // it is time to ask another
	next <- struct{}{}
	stop := func() {}
	defer func() { stop() }()

	var worst outcome
	for asked, heard := 0, 0; heard < len(servers); {
		select {
		case <-next:
			stop()
			if asked < len(servers) {
				go func(server netip.AddrPort) {
					m, err := ask(ctx, server)
					outcomes <- outcome{server, m, err}
				}(servers[asked])
				asked++
				stop = p.hedges.start(hedgeAfter, func() { ring(next) })
			}
		case o := <-outcomes:
			if o.err == nil && decisive(o.msg) {
				p.remember(o.server)
				return o.msg, nil
			}
			worst = worst.add(o)
			heard++
			ring(next)
		case <-ctx.Done():
			return worst.add(outcome{err: fmt.Errorf("no answer in time: %w", context.Cause(ctx))}).result()
		}
	}
	return worst.result()
}

// ring says that it is time, unless that has been said.
func ring(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// add keeps the last message and all errors.
func (o outcome) add(other outcome) outcome {
	if other.msg != nil {
		o.msg = other.msg
	}
	o.err = errors.Join(o.err, other.err)
	return o
}

func (o outcome) result() (*dns.Msg, error) {
	if o.msg != nil {
		return o.msg, nil
	}
	return nil, o.err
}

// askWith asks one server, and once more without EDNS if it cannot have that
// (RFC 6891, section 7).
func askWith(ctx context.Context, ask asker, q *dns.Msg, server netip.AddrPort, device string,
	mark func(*dns.Msg, netip.AddrPort) *dns.Msg) (*dns.Msg, error) {
	if mark != nil {
		q = mark(q, server)
	}
	m, err := ask.Exchange(ctx, q, server, device)
	if err != nil || q.IsEdns0() == nil || !refusesEDNS(m) {
		return m, err
	}
	plain := q.Copy()
	plain.Extra = nil
	return ask.Exchange(ctx, plain, server, device)
}

func refusesEDNS(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeFormatError || m.Rcode == dns.RcodeNotImplemented || m.Rcode == dns.RcodeBadVers
}

// decisive reports whether another server need not be asked.
func decisive(m *dns.Msg) bool {
	return m.Rcode == dns.RcodeSuccess || m.Rcode == dns.RcodeNameError
}

// order returns the servers, the last good one first.
func (p *pool) order(servers []netip.AddrPort) []netip.AddrPort {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.Index(servers, p.good)
	if i <= 0 {
		return servers
	}
	return append([]netip.AddrPort{p.good}, slices.Delete(slices.Clone(servers), i, i+1)...)
}

func (p *pool) remember(server netip.AddrPort) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.good = server
}

// keptFor is how long the uplink's servers are taken to be what they were: reading
// the system's files for each question costs as much as the rest of the answer.
const keptFor = time.Second

// uplinkServers are those of the uplink, without ourselves.
type uplinkServers struct {
	all  []netip.AddrPort
	here map[netip.AddrPort]bool // on this device
	at   time.Time
}

// upstreams returns the uplink's servers as they were within keptFor. That there
// are none is looked at each time: a lease may come at any moment.
func (s *Stub) upstreams() *uplinkServers {
	if u := s.kept.Load(); u != nil && len(u.all) > 0 && time.Since(u.at) < keptFor {
		return u
	}
	return s.readUpstreams()
}

// readUpstreams returns the uplink's servers as they are now.
func (s *Stub) readUpstreams() *uplinkServers {
	u := &uplinkServers{all: others(s.upstream(), s.Addr()), here: map[netip.AddrPort]bool{}, at: time.Now()}
	for _, server := range u.all {
		u.here[server] = onThisDevice(server)
	}
	s.kept.Store(u)
	return u
}

// others returns servers without self, in whatever spelling. The unspecified
// address is a way to spell loopback.
func others(servers []netip.AddrPort, self netip.AddrPort) []netip.AddrPort {
	var out []netip.AddrPort
	for _, server := range servers {
		server = netip.AddrPortFrom(server.Addr().Unmap(), server.Port())
		if server.IsValid() && server != self && !server.Addr().IsUnspecified() && !slices.Contains(out, server) {
			out = append(out, server)
		}
	}
	return out
}

// mark returns a query signed if it is for a server on this device, so that it is
// known if that server forwards to us. Others never see the mark: it would tell devices apart.
func (s *Stub) mark(q *dns.Msg, server netip.AddrPort) *dns.Msg {
	if !s.upstreams().here[server] {
		return q
	}
	q = q.Copy()
	if opt := q.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_LOCAL{Code: loopOption, Data: s.loopID})
	}
	return q
}

// marked reports whether a query is one of ours that came back.
func (s *Stub) marked(opt *dns.OPT) bool {
	return opt != nil && slices.ContainsFunc(opt.Option, func(o dns.EDNS0) bool {
		local, ok := o.(*dns.EDNS0_LOCAL)
		return ok && local.Code == loopOption && bytes.Equal(local.Data, s.loopID)
	})
}

// onThisDevice reports whether server is an address of this device: the kernel
// then picks it as the source, too. Connecting a UDP socket sends nothing.
func onThisDevice(server netip.AddrPort) bool {
	if server.Addr().IsLoopback() {
		return true
	}
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(server))
	if err != nil {
		return false
	}
	defer conn.Close()
	local, ok := conn.LocalAddr().(*net.UDPAddr)
	return ok && local.AddrPort().Addr().Unmap() == server.Addr()
}
