package resolver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

const (
	// maxChain is how many CNAMEs are followed, as most resolvers do.
	maxChain = 16
	// maxTTL bounds what a server can ask for: a wrong zone must not be
	// believed for a week after it was put right.
	maxTTL = time.Hour
)

// Result is what one probe learnt about the endpoint's name.
type Result struct {
	At        time.Time     // when the answer came, or waiting for it ended
	RTT       time.Duration // of the question that was answered
	Server    netip.Addr    // that answered, or was asked last
	Addresses []netip.Addr  // all IPv4 addresses, sorted
	TTL       time.Duration // of the answer, negative ones too; at most an hour
	Rcode     int           // of the answer; meaningless with Err
	Err       error         // there is no whole answer: silence, a refused port, truncation
	Path      Path          // that was probed
	seq       uint64        // counts results: two may have the same time
}

// alive reports whether anything came back through the device: an answer of
// any kind, or a port that says it is closed.
func (r Result) alive() bool {
	return r.Err == nil || errors.Is(r.Err, syscall.ECONNREFUSED) || errors.Is(r.Err, ErrTruncated)
}

// decisive reports whether another server need not be asked.
func (r Result) decisive() bool {
	return r.Err == nil && (r.Rcode == dns.RcodeSuccess || r.Rcode == dns.RcodeNameError)
}

// rank orders results from bad to good.
func (r Result) rank() int {
	switch {
	case r.decisive():
		return 3
	case r.Err == nil:
		return 2
	case r.alive():
		return 1
	}
	return 0
}

// trouble says in words why a Result gives no address.
func (r Result) trouble() string {
	switch {
	case errors.Is(r.Err, errNoServers):
		return r.Err.Error()
	case errors.Is(r.Err, ErrTruncated): // first: TCP may have been refused then
		return fmt.Sprintf("%s gives half an answer, and none over TCP", r.Server)
	case errors.Is(r.Err, syscall.ECONNREFUSED):
		return fmt.Sprintf("%s refuses: no DNS server there", r.Server)
	case r.Err != nil:
		return fmt.Sprintf("no answer from %s", r.Server)
	case r.Rcode == dns.RcodeSuccess:
		return fmt.Sprintf("%s has no A record for the endpoint's name", r.Server)
	case r.Rcode == dns.RcodeNameError:
		return fmt.Sprintf("%s does not know the endpoint's name", r.Server)
	}
	return fmt.Sprintf("%s answers %s", r.Server, rcodeText(r.Rcode))
}

func rcodeText(rcode int) string {
	if s, ok := dns.RcodeToString[rcode]; ok {
		return s
	}
	return fmt.Sprintf("with error %d", rcode)
}

// verdict is what a Result means for the path.
type verdict int

const (
	verdictSilent  verdict = iota // nothing came, or a refusal
	verdictFailed                 // the resolver answers with an error
	verdictMissing                // the resolver works, the name has no address
	verdictPublic                 // at least one address is not private
	verdictPrivate                // all addresses are private
)

func (r Result) verdict(prefixes []netip.Prefix) verdict {
	switch {
	case errors.Is(r.Err, ErrTruncated):
		return verdictFailed
	case r.Err != nil:
		return verdictSilent
	case !r.decisive():
		return verdictFailed
	case len(r.Addresses) == 0:
		return verdictMissing
	case len(notIn(prefixes, r.Addresses)) > 0:
		return verdictPublic
	}
	return verdictPrivate
}

// notIn returns those of addrs that lie in none of the prefixes.
func notIn(prefixes []netip.Prefix, addrs []netip.Addr) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		if !slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) }) {
			out = append(out, a)
		}
	}
	return out
}

// addressesOf reads the IPv4 addresses of host from an answer, along its
// CNAMEs in whatever order they stand, and how long the answer holds. Records
// of names that are not on that chain are not addresses of host; an error has
// none at all.
func addressesOf(m *dns.Msg, host string) ([]netip.Addr, time.Duration) {
	if m.Rcode != dns.RcodeSuccess {
		return nil, seconds(negativeTTL(m, true))
	}
	name, ttl := dns.Fqdn(host), uint32(maxTTL/time.Second)
	for range maxChain {
		target := ""
		var addrs []netip.Addr
		for _, rr := range m.Answer {
			h := rr.Header()
			if h.Class != dns.ClassINET || !strings.EqualFold(h.Name, name) {
				continue
			}
			switch rr := rr.(type) {
			case *dns.A:
				if a, ok := netip.AddrFromSlice(rr.A); ok {
					addrs, ttl = append(addrs, a.Unmap()), min(ttl, h.Ttl)
				}
			case *dns.CNAME:
				target, ttl = rr.Target, min(ttl, h.Ttl)
			}
		}
		if len(addrs) > 0 || target == "" {
			return sortAddrs(addrs), seconds(min(ttl, negativeTTL(m, len(addrs) == 0)))
		}
		name = target
	}
	return nil, 0
}

// sortAddrs sorts addresses and removes duplicates, so that sets can be compared.
func sortAddrs(addrs []netip.Addr) []netip.Addr {
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs)
}

// negativeTTL is how long "no such name" holds (RFC 2308, section 5).
func negativeTTL(m *dns.Msg, negative bool) uint32 {
	ttl := uint32(maxTTL / time.Second)
	if !negative {
		return ttl
	}
	for _, rr := range m.Ns {
		if soa, ok := rr.(*dns.SOA); ok {
			ttl = min(ttl, soa.Hdr.Ttl, soa.Minttl)
		}
	}
	return ttl
}

func seconds(n uint32) time.Duration { return time.Duration(n) * time.Second }
