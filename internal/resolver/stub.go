package resolver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
)

// Policy of the stub.
const (
	// answerWithin stays below the 5 s after which glibc gives up on a server
	// and asks the next one, who may be public.
	answerWithin = 4 * time.Second
	// maxInFlight bounds the queries that wait for the uplink, and those that wait
	// for the VPC: when one side is dead, the other still works.
	maxInFlight = 128
	// nodataTTL is how long a client may believe that a private name has no
	// address because the path is closed.
	nodataTTL = 2 * time.Second
)

// StubOptions are the parts of a Stub.
type StubOptions struct {
	Config config.Resolver
	// Exempt are the hosts that bring the link up: they and everything under
	// them are always asked of the uplink, and answered as it answers.
	Exempt []string
	// Reverse are the ranges whose reverse names are private. Nil means RFC 1918
	// and 100.64.0.0/10, the default of endpoint.private_cidrs.
	Reverse []netip.Prefix
	// Upstream returns the uplink's servers now. The stub itself is taken out.
	Upstream func() []netip.AddrPort
	// Search returns the system's search list now. Nil means none. It only
	// matters for private domains of one label.
	Search func() []string
	Client *Client
	// Cause says why the path is closed, for people who read an Extended DNS Error.
	Cause func() string
	Log   *slog.Logger
}

// Stub is the split-DNS forwarder. It is safe for concurrent use.
type Stub struct {
	config   config.Resolver
	names    names
	upstream func() []netip.AddrPort
	cause    func() string
	log      *slog.Logger
	ask      asker
	vpcPort  uint16

	vpc, uplink pool
	kept        atomic.Pointer[uplinkServers]
	cache       *cache
	slots       [2]*slots // of the queries in flight: to the uplink, into the VPC
	loopID      []byte    // marks our own queries
	loopLogged  sync.Once
	overloaded  overload
	patience    patience // with each query

	mu        sync.Mutex
	path      *route // never nil
	inquiries map[key]*inquiry
	listener  *listener // nil: not listening
}

// route is a Path for as long as it is the current one.
type route struct {
	path *Path           // nil: closed
	ctx  context.Context // ends with the route
	end  context.CancelFunc
}

func newRoute(p *Path) *route {
	ctx, cancel := context.WithCancel(context.Background())
	return &route{path: p, ctx: ctx, end: cancel}
}

// NewStub returns a Stub whose path is closed. It does not listen yet.
func NewStub(o StubOptions) *Stub {
	s := &Stub{
		config: o.Config, upstream: o.Upstream, cause: o.Cause, log: o.Log,
		ask: o.Client, vpcPort: dnsPort,
		cache:     newCache(maxEntries),
		slots:     [2]*slots{newSlots(maxInFlight), newSlots(maxInFlight)},
		loopID:    make([]byte, 8),
		path:      newRoute(nil),
		inquiries: map[key]*inquiry{},
	}
	_, _ = rand.Read(s.loopID) // never fails (crypto/rand)
	if o.Reverse == nil {
		o.Reverse = config.Default().Endpoint.PrivateCIDRs
	}
	if o.Search == nil {
		o.Search = func() []string { return nil }
	}
	s.names = newNames(o.Config.Domains, o.Exempt, o.Reverse, o.Search)
	return s
}

// SetPath opens the path for private names, or closes it with nil. What is
// known from another path is forgotten, and queries under way on it end. An
// equal path changes nothing.
func (s *Stub) SetPath(p *Path) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if equalPaths(s.path.path, p) {
		return
	}
	if p != nil {
		own := *p
		own.Servers = slices.Clone(p.Servers)
		p = &own
	}
	s.path.end()
	s.path = newRoute(p)
	s.cache.flushPrivate()
}

func equalPaths(a, b *Path) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.same(*b) && slices.Equal(a.Servers, b.Servers)
}

func (s *Stub) route() *route {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.path
}

// Addr is where the stub listens: the port that was taken if the configured one
// is 0.
func (s *Stub) Addr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return s.listener.addr
	}
	return s.config.Listen
}

// LookupUplink asks the uplink for the IPv4 addresses of a host that brings the
// link up. It works before Listen and always asks anew: after a failure the
// VPN's address may be another. A private name is refused, never sent. A name
// without an address is a *net.DNSError with IsNotFound set.
func (s *Stub) LookupUplink(ctx context.Context, host string) ([]netip.Addr, error) {
	if addr, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{addr}, nil
	}
	if s.names.scope(wire(host)) == scopePrivate {
		return nil, fmt.Errorf("looking up %s: a private name is not asked of the uplink", host)
	}
	servers := s.readUpstreams().all
	if len(servers) == 0 {
		return nil, fmt.Errorf("looking up %s: %w", host, errNoUpstream)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	m, err := s.uplink.exchange(ctx, s.ask, newQuestion(host, dns.TypeA), servers, "", s.mark)
	if err != nil {
		return nil, fmt.Errorf("looking up %s: %w", host, err)
	}
	if !decisive(m) {
		return nil, fmt.Errorf("looking up %s: the uplink's DNS answers %s", host, dns.RcodeToString[m.Rcode])
	}
	addrs, _ := addressesOf(m, host)
	if len(addrs) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return addrs, nil
}

var errNoUpstream = errors.New("no DNS server of the uplink is known")
