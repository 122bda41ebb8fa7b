package resolver

import (
	"net"

	"github.com/miekg/dns"
)

// localTTL is how long what the stub itself knows holds. It never changes.
const localTTL = 86400 // seconds

// Names that are answered here and asked of nobody, in wire form.
var (
	localhostZone = wire("localhost")
	// RFC 6761 and RFC 7686: these do not exist, and asking tells.
	nowhereZones = []string{wire("invalid"), wire("onion")}
	// RFC 9462: "no encrypted resolver here", or clients go round the stub.
	resolverZone = wire("resolver.arpa")
	// RFC 6303: addresses of this host.
	loopback4Zone = wire("127.in-addr.arpa")
	localhost4    = wire("1.0.0.127.in-addr.arpa")
	localhost6    = wire("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa")
)

// local answers what needs no other server, or returns nil.
func (s *Stub) local(q *query) *reply {
	question := q.question()
	switch {
	case q.opt != nil && q.opt.Version() != 0:
		return &reply{rcode: dns.RcodeBadVers}
	case question.Qclass != dns.ClassINET:
		return s.declined(q, dns.RcodeRefused, "only class IN is served")
	case isMeta(question.Qtype):
		return s.declined(q, dns.RcodeNotImplemented, "type "+dns.Type(question.Qtype).String()+" is not served")
	case s.marked(q.opt):
		return s.looped(q)
	}
	return special(q.name, question)
}

// isMeta reports whether a type asks for something else than records of that
// type (RFC 6895, section 3.1): zone transfers, keys of transactions. ANY is
// left to whom it is forwarded.
func isMeta(qtype uint16) bool {
	return qtype == dns.TypeNone || qtype == dns.TypeOPT || qtype >= 128 && qtype < dns.TypeANY
}

// declined answers what is not forwarded. A private name gets NODATA here too.
func (s *Stub) declined(q *query, rcode int, why string) *reply {
	if q.scope == scopePrivate {
		return nodata(q.question().Name, ede(dns.ExtendedErrorCodeNotSupported, why))
	}
	return &reply{rcode: rcode, ede: ede(dns.ExtendedErrorCodeNotSupported, why)}
}

func (s *Stub) looped(q *query) *reply {
	s.loopLogged.Do(func() {
		s.log.Error("a DNS server that is asked as the uplink's forwards to this stub; set resolver.upstream",
			"name", q.question().Name, "listen", s.Addr())
	})
	return s.unanswered(q, ede(dns.ExtendedErrorCodeOther, "a server of the uplink forwards to this stub"))
}

// unanswered is the reply when nobody could be asked: an error, but for private
// names, whose client would go and ask a public server.
func (s *Stub) unanswered(q *query, why *dns.EDNS0_EDE) *reply {
	if q.scope == scopePrivate {
		return nodata(q.question().Name, why)
	}
	return &reply{rcode: dns.RcodeServerFailure, ede: why, transient: true}
}

// special answers names with a meaning of their own, or returns nil.
func special(name string, question dns.Question) *reply {
	switch {
	case under(name, []string{localhostZone}):
		return localhost(question)
	case under(name, nowhereZones):
		return negative(question.Name, dns.RcodeNameError)
	case under(name, []string{resolverZone}):
		return negative(question.Name, dns.RcodeSuccess)
	case name == localhost4, name == localhost6:
		return positive(question, dns.TypePTR, &dns.PTR{Ptr: "localhost."})
	case under(name, []string{loopback4Zone}):
		return negative(question.Name, dns.RcodeNameError)
	}
	return nil
}

func localhost(question dns.Question) *reply {
	if question.Qtype == dns.TypeAAAA {
		return positive(question, dns.TypeAAAA, &dns.AAAA{AAAA: net.IPv6loopback})
	}
	return positive(question, dns.TypeA, &dns.A{A: net.IPv4(127, 0, 0, 1)})
}

// positive answers with rr if its type was asked for.
func positive(question dns.Question, rrtype uint16, rr dns.RR) *reply {
	if question.Qtype != rrtype && question.Qtype != dns.TypeANY {
		return negative(question.Name, dns.RcodeSuccess)
	}
	*rr.Header() = dns.RR_Header{Name: question.Name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: localTTL}
	return &reply{answer: []dns.RR{rr}}
}

func negative(name string, rcode int) *reply {
	return &reply{rcode: rcode, ns: []dns.RR{soa(name, localTTL)}}
}

// nodata says that the name has no such record, for a moment, and why.
func nodata(name string, why *dns.EDNS0_EDE) *reply {
	return &reply{
		ns:  []dns.RR{soa(name, uint32(nodataTTL.Seconds()))},
		ede: why, private: true, transient: true,
	}
}

// soa makes a negative answer last for ttl seconds (RFC 2308). Its zone is the
// name itself, so that nothing is said of the names beside it.
func soa(name string, ttl uint32) dns.RR {
	return &dns.SOA{
		Hdr: dns.RR_Header{Name: name, Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: ttl},
		Ns:  "edgeagent.invalid.", Mbox: "nobody.invalid.",
		Serial: 1, Refresh: ttl, Retry: ttl, Expire: ttl, Minttl: ttl,
	}
}
