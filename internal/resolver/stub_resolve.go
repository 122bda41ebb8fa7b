package resolver

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// inquiry is a question under way, for all who ask it meanwhile.
type inquiry struct {
	done  chan struct{} // closed when reply is set
	reply *reply
}

// resolve asks whoever may be asked. It returns within answerWithin.
func (s *Stub) resolve(ctx context.Context, q *query) *reply {
	k := q.key()
	s.mu.Lock()
	if other := s.inquiries[k]; other != nil {
		s.mu.Unlock()
		<-other.done
		return other.reply
	}
	own := &inquiry{done: make(chan struct{})}
	s.inquiries[k] = own
	s.mu.Unlock()

	ctx, cancel := s.patience.within(ctx, answerWithin)
	defer cancel()
	own.reply = s.askOnce(ctx, q)

	s.mu.Lock()
	delete(s.inquiries, k)
	s.mu.Unlock()
	close(own.done)
	return own.reply
}

// askOnce asks once and keeps the answer.
func (s *Stub) askOnce(ctx context.Context, q *query) *reply {
	epoch := s.cache.now()
	var r *reply
	switch m := q.forward(); q.scope {
	case scopePrivate:
		r = s.askVPC(ctx, m)
	case scopeExempt:
		r = s.askUplink(ctx, m)
	default:
		r = s.follow(ctx, m, s.askUplink(ctx, m))
	}
	s.cache.put(q.key(), r, epoch)
	return r
}

// askVPC asks the VPC resolvers through the link. Whatever goes wrong is NODATA.
// If the path changes meanwhile, the question is asked again on the new one.
func (s *Stub) askVPC(ctx context.Context, m *dns.Msg) *reply {
	name := m.Question[0].Name
	for {
		rt := s.route()
		if rt.path == nil {
			return nodata(name, ede(dns.ExtendedErrorCodeNetworkError, s.causeText()))
		}
		answer, err := s.exchangeOn(ctx, rt, m)
		if rt.ctx.Err() != nil && ctx.Err() == nil {
			continue
		}
		switch {
		case err != nil:
			return nodata(name, ede(dns.ExtendedErrorCodeNetworkError, err.Error()))
		case !decisive(answer):
			text := fmt.Sprintf("the VPC resolver answers %s", dns.RcodeToString[answer.Rcode])
			return nodata(name, ede(dns.ExtendedErrorCodeNoReachableAuthority, text))
		}
		r := replyOf(answer)
		r.private = true
		return r
	}
}

// exchangeOn asks the servers of one route, for as long as it is the current one.
func (s *Stub) exchangeOn(ctx context.Context, rt *route, m *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(rt.ctx, cancel)()

	addrs := rt.path.Servers
	if len(addrs) == 0 {
		addrs = s.config.Servers
	}
	var servers []netip.AddrPort
	for _, addr := range addrs {
		servers = append(servers, netip.AddrPortFrom(addr, s.vpcPort))
	}
	if servers = others(servers, s.Addr()); len(servers) == 0 {
		return nil, errNoServers
	}
	answer, err := s.vpc.exchange(ctx, s.ask, m, servers, rt.path.Device, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no VPC resolver (%s) answers through %s in %s", joinAddrs(addrs), rt.path.Device, answerWithin)
	}
	return answer, err
}

func (s *Stub) causeText() string {
	if s.cause != nil {
		if text := s.cause(); text != "" {
			return text
		}
	}
	return "the link into the VPC is down"
}

// askUplink asks the uplink's servers. An error of theirs is passed on.
func (s *Stub) askUplink(ctx context.Context, m *dns.Msg) *reply {
	servers := s.upstreams().all
	if len(servers) == 0 {
		return servfail(errNoUpstream)
	}
	answer, err := s.uplink.exchange(ctx, s.ask, m, servers, "", s.mark)
	if err != nil {
		return servfail(err)
	}
	return replyOf(answer)
}

func servfail(err error) *reply {
	return &reply{
		rcode: dns.RcodeServerFailure, transient: true,
		ede: ede(dns.ExtendedErrorCodeNetworkError, err.Error()),
	}
}

// follow takes what the uplink says of private names out of its answer. If the
// chain of CNAMEs leads to one, the VPC is asked for the rest.
func (s *Stub) follow(ctx context.Context, m *dns.Msg, r *reply) *reply {
	clean := *r
	clean.answer, clean.ns, clean.extra = s.public(r.answer), s.public(r.ns), s.public(r.extra)
	question := m.Question[0]
	cnames, target := chain(clean.answer, question.Name)
	if question.Qtype == dns.TypeCNAME || !s.isPrivate(target) {
		return &clean
	}
	m = m.Copy()
	m.Question[0].Name = target
	rest := s.askVPC(ctx, m)
	rest.answer = append(cnames, rest.answer...)
	return rest
}

// public returns the records that the uplink may speak for.
func (s *Stub) public(rrs []dns.RR) []dns.RR {
	var out []dns.RR
	for _, rr := range rrs {
		if !s.isPrivate(rr.Header().Name) && !s.isPrivate(hinted(rr)) {
			out = append(out, rr)
		}
	}
	return out
}

// hinted returns the name whose addresses a record brings along (RFC 9460), if
// any.
func hinted(rr dns.RR) string {
	switch rr := rr.(type) {
	case *dns.SVCB:
		return rr.Target
	case *dns.HTTPS:
		return rr.Target
	}
	return "."
}

// isPrivate reports whether the uplink may not answer for name.
func (s *Stub) isPrivate(name string) bool {
	return s.names.scope(wire(name)) == scopePrivate
}

// chain follows the CNAMEs of an answer from name on, in whatever order they
// stand, and returns them with the name at the end.
func chain(answer []dns.RR, name string) (cnames []dns.RR, end string) {
	for range maxChain {
		i := slices.IndexFunc(answer, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && strings.EqualFold(rr.Header().Name, name)
		})
		if i < 0 {
			break
		}
		cnames = append(cnames, answer[i])
		name = answer[i].(*dns.CNAME).Target
	}
	return cnames, name
}
