package resolver

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
)

// The world of the stub's tests.
const (
	vpnHost     = "cvpn-endpoint-0a1b.prod.clientvpn.ap-northeast-1.amazonaws.com"
	privateHost = "a1b2-ats.iot.ap-northeast-1.amazonaws.com"
)

var (
	vpcServer    = netip.MustParseAddrPort("10.0.0.2:53")
	vpcServer2   = netip.MustParseAddrPort("10.0.0.3:53")
	uplinkServer = netip.MustParseAddrPort("192.0.2.53:53")
	uplinkOther  = netip.MustParseAddrPort("198.51.100.53:53")
)

// serverFunc is what a server does with a query. Nil is silence.
type serverFunc func(q *dns.Msg) *dns.Msg

// asked is one query that left the stub.
type asked struct {
	server netip.AddrPort
	device string
	name   string
	qtype  uint16
	msg    *dns.Msg
}

// fakeNet is a network with DNS servers, without a socket.
type fakeNet struct {
	mu      sync.Mutex
	servers map[netip.AddrPort]serverFunc
	delay   time.Duration
	queries []asked
}

func (f *fakeNet) Exchange(ctx context.Context, q *dns.Msg, server netip.AddrPort, device string) (*dns.Msg, error) {
	f.mu.Lock()
	f.queries = append(f.queries, asked{server, device, q.Question[0].Name, q.Question[0].Qtype, q.Copy()})
	serve, delay := f.servers[server], f.delay
	f.mu.Unlock()
	if serve == nil {
		return nil, waitFor(ctx, silence, context.DeadlineExceeded)
	}
	if delay > 0 {
		if err := waitFor(ctx, delay, nil); err != nil {
			return nil, err
		}
	}
	return serve(q), nil
}

func (f *fakeNet) set(server netip.AddrPort, serve serverFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[server] = serve
}

// names returns what was asked of a server, in order.
func (f *fakeNet) names(server netip.AddrPort) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, a := range f.queries {
		if a.server == server {
			out = append(out, a.name)
		}
	}
	return out
}

func (f *fakeNet) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queries = nil
}

// zone answers from records in the master format, NXDOMAIN for other names. A
// CNAME is followed, as resolvers do.
func zone(records ...string) serverFunc {
	var rrs []dns.RR
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			panic(err)
		}
		rrs = append(rrs, rr)
	}
	return func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		name, known := q.Question[0].Name, false
		for range len(rrs) + 1 {
			next := ""
			for _, rr := range rrs {
				if !strings.EqualFold(rr.Header().Name, name) {
					continue
				}
				known = true
				if rr.Header().Rrtype == q.Question[0].Qtype {
					m.Answer = append(m.Answer, dns.Copy(rr))
				} else if c, ok := rr.(*dns.CNAME); ok {
					m.Answer = append(m.Answer, dns.Copy(rr))
					next = c.Target
				}
			}
			if next == "" {
				break
			}
			name = next
		}
		if len(m.Answer) == 0 {
			m.Ns = []dns.RR{soa(".", 30)}
			if !known {
				m.Rcode = dns.RcodeNameError
			}
		}
		return m
	}
}

func failing(rcode int) serverFunc {
	return func(q *dns.Msg) *dns.Msg { return new(dns.Msg).SetRcode(q, rcode) }
}

// stubRig is a stub in a fake network. The VPC knows the private name, the
// uplink knows all names, the private one with a public address.
type stubRig struct {
	*Stub
	net *fakeNet
	log *logged
}

func newStubRig(t testing.TB, change ...func(*StubOptions)) *stubRig {
	t.Helper()
	cfg := config.Default().Resolver
	cfg.Listen = netip.MustParseAddrPort("127.0.0.1:0")
	log := &logged{}
	o := StubOptions{
		Config: cfg, Exempt: []string{vpnHost},
		Upstream: func() []netip.AddrPort { return []netip.AddrPort{uplinkServer} },
		Cause:    func() string { return "nothing from 203.0.113.10:443" },
		Log:      slog.New(slog.NewTextHandler(log, nil)),
	}
	for _, c := range change {
		c(&o)
	}
	r := &stubRig{Stub: NewStub(o), log: log, net: &fakeNet{servers: map[netip.AddrPort]serverFunc{
		vpcServer: zone(privateHost+". 60 A 10.0.6.105", privateHost+". 60 A 10.0.20.107",
			"105.6.0.10.in-addr.arpa. 60 PTR iot.internal.",
			"out.amazonaws.com. 60 CNAME www.example.com.", "www.example.com. 60 A 10.9.9.9"),
		uplinkServer: zone(privateHost+". 60 A 203.0.113.66", "www.example.com. 300 A 203.0.113.80",
			vpnHost+". 60 A 203.0.113.10", "x1."+vpnHost+". 60 A 203.0.113.11"),
	}}}
	r.ask = r.net
	return r
}

// up opens the path to the usual VPC resolver.
func (r *stubRig) up(servers ...netip.AddrPort) {
	p := Path{Link: "vpn", Device: "tun0", Index: 7, Address: netip.MustParsePrefix("172.31.0.34/27")}
	for _, s := range append([]netip.AddrPort{vpcServer}, servers...) {
		p.Servers = append(p.Servers, s.Addr())
	}
	r.SetPath(&p)
}

// send passes a raw message through the stub as its sockets do.
func (r *stubRig) send(raw []byte, udp bool) []byte {
	q, answer := r.begin(raw, udp)
	if q == nil {
		return answer
	}
	return q.pack(r.resolve(context.Background(), q))
}

// sendMsg is send for a message that can be packed, and whose answer is expected.
func (r *stubRig) sendMsg(t testing.TB, q *dns.Msg) *dns.Msg {
	t.Helper()
	raw, err := q.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	if err := m.Unpack(r.send(raw, true)); err != nil {
		t.Fatalf("answer to %v: %v", q.Question, err)
	}
	if m.Id != q.Id || !m.Response || !m.RecursionAvailable || m.Authoritative || m.AuthenticatedData {
		t.Errorf("header of the answer: %v", m.MsgHdr.String())
	}
	return m
}

// lookup asks with EDNS.
func (r *stubRig) lookup(t testing.TB, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	return r.sendMsg(t, q.SetEdns0(ednsSize, false))
}

// values returns the data of the answer's records of a type, sorted.
func values(m *dns.Msg, qtype uint16) []string {
	out := []string{}
	for _, rr := range m.Answer {
		if rr.Header().Rrtype == qtype {
			out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
	}
	slices.Sort(out)
	return out
}

// wantValues fails unless the answer holds just these.
func wantValues(t testing.TB, m *dns.Msg, qtype uint16, want ...string) {
	t.Helper()
	if got := values(m, qtype); m.Rcode != dns.RcodeSuccess || !slices.Equal(got, want) {
		t.Errorf("%s %v, want %v", dns.RcodeToString[m.Rcode], got, want)
	}
}

// wantNodata fails unless the answer is NODATA for a moment, with an Extended
// DNS Error that holds text.
func wantNodata(t testing.TB, m *dns.Msg, code uint16, text string) {
	t.Helper()
	if m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
		t.Errorf("want NODATA, got %s %v", dns.RcodeToString[m.Rcode], m.Answer)
	}
	if len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA || seconds(m.Ns[0].Header().Ttl) > nodataTTL {
		t.Errorf("want an SOA with a short TTL, got %v", m.Ns)
	}
	opt := m.IsEdns0()
	if opt == nil {
		t.Fatal("no EDNS in the answer")
	}
	if e := edeOf(opt); e == nil || e.InfoCode != code || !strings.Contains(e.ExtraText, text) {
		t.Errorf("extended error %v, want code %d with %q", e, code, text)
	}
}

// nothingPrivateLeft fails if a query for a private name reached the uplink.
func (r *stubRig) nothingPrivateLeft(t testing.TB) {
	t.Helper()
	for _, server := range []netip.AddrPort{uplinkServer, uplinkOther} {
		for _, name := range r.net.names(server) {
			if r.isPrivate(name) || strings.Contains(strings.ToLower(name), "iot") {
				t.Errorf("%s was asked for %s", server, name)
			}
		}
	}
}

// logged keeps what is logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logged) count(what string) int { return strings.Count(l.String(), what) }
