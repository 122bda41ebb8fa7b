package resolver

import (
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// relay forwards DNS messages to whoever to() says, as a local forwarder does
// that has taken the stub for its own upstream. It counts the queries.
func relay(t *testing.T, to func() netip.AddrPort, change func(*dns.Msg)) (netip.AddrPort, *atomic.Int64) {
	t.Helper()
	var count atomic.Int64
	forward := func(w dns.ResponseWriter, q *dns.Msg) {
		count.Add(1)
		if change != nil {
			change(q)
		}
		c := dns.Client{Timeout: 5 * time.Second}
		if m, _, err := c.Exchange(q, to().String()); err == nil {
			_ = w.WriteMsg(m)
		}
	}
	l, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	serveDNS(t, &dns.Server{PacketConn: l.udp, Handler: dns.HandlerFunc(forward)})
	serveDNS(t, &dns.Server{Listener: l.tcp, Handler: dns.HandlerFunc(forward)})
	return l.addr, &count
}

func TestALoopThroughAnotherServerIsRecognised(t *testing.T) {
	r := newStubRig(t)
	r.ask = &Client{}
	addr := r.serve(t)
	forwarder, count := relay(t, func() netip.AddrPort { return addr }, nil)
	r.upstream = func() []netip.AddrPort { return []netip.AddrPort{forwarder} }
	for _, name := range []string{"www.example.com", "two.example.com"} {
		m := r.lookup(t, name, dns.TypeA)
		e := edeOf(m.IsEdns0())
		if m.Rcode != dns.RcodeServerFailure || e == nil || e.ExtraText != "a server of the uplink forwards to this stub" {
			t.Errorf("%s: %v", name, m)
		}
	}
	if n := count.Load(); n != 2 {
		t.Errorf("%d queries went round for 2 names", n)
	}
	if n := r.log.count("forwards to this stub"); n != 1 {
		t.Errorf("logged %d times: %s", n, r.log)
	}
}

// A forwarder that drops the mark makes the query wait for itself, once.
func TestALoopWithoutTheMarkEnds(t *testing.T) {
	r := newStubRig(t)
	r.ask = &Client{UDPTimeout: 50 * time.Millisecond, TCPTimeout: 50 * time.Millisecond}
	addr := r.serve(t)
	forwarder, count := relay(t, func() netip.AddrPort { return addr }, func(q *dns.Msg) { q.Extra = nil })
	r.upstream = func() []netip.AddrPort { return []netip.AddrPort{forwarder} }
	q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	if m := r.sendMsg(t, q); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("got %v", m)
	}
	if n := count.Load(); n > 2 { // over UDP and over TCP
		t.Errorf("%d queries went round", n)
	}
}

func TestTheMarkStaysOnThisDevice(t *testing.T) {
	own := ownAddress(t)
	for _, tc := range []struct {
		server string
		want   bool
	}{
		{"127.0.0.1:53", true}, {"127.0.0.53:53", true}, {"[::1]:53", true},
		{netip.AddrPortFrom(own, 53).String(), true}, {"192.0.2.53:53", false},
	} {
		r := newStubRig(t)
		server := netip.MustParseAddrPort(tc.server)
		r.upstream = func() []netip.AddrPort { return []netip.AddrPort{server} }
		q := r.mark(newQuestion("www.example.com", dns.TypeA), server)
		if got := r.marked(q.IsEdns0()); got != tc.want {
			t.Errorf("%s: marked %v, want %v", tc.server, got, tc.want)
		}
		if other := newStubRig(t); other.marked(q.IsEdns0()) {
			t.Error("the mark of one stub is another's")
		}
	}
}

// ownAddress returns an address of this machine that is not loopback.
func ownAddress(t *testing.T) netip.Addr {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is4() && !p.Addr().IsLoopback() {
			return p.Addr()
		}
	}
	t.Skip("needs a network: this machine has no address but loopback")
	return netip.Addr{}
}

func TestTheStubIsNeverItsOwnUpstream(t *testing.T) {
	self := netip.MustParseAddrPort("127.0.0.153:53")
	var servers []netip.AddrPort
	for _, s := range []string{"127.0.0.153:53", "[::ffff:127.0.0.153]:53", "0.0.0.0:53", "[::]:53",
		"192.168.1.1:53", "[::ffff:192.168.1.1]:53", "127.0.0.1:53", "127.0.0.153:5353"} {
		servers = append(servers, netip.MustParseAddrPort(s))
	}
	servers = append(servers, netip.AddrPort{})
	want := []netip.AddrPort{netip.MustParseAddrPort("192.168.1.1:53"), netip.MustParseAddrPort("127.0.0.1:53"),
		netip.MustParseAddrPort("127.0.0.153:5353")}
	if got := others(servers, self); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}

	r := newStubRig(t)
	addr := r.serve(t)
	r.upstream = func() []netip.AddrPort { return []netip.AddrPort{addr} }
	r.vpcPort = addr.Port()
	r.SetPath(&Path{Servers: []netip.Addr{addr.Addr()}})
	if m := r.lookup(t, "www.example.com", dns.TypeA); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("got %v", m)
	}
	wantNodata(t, r.lookup(t, privateHost, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "no VPC resolver is known")
	if len(r.net.queries) != 0 {
		t.Errorf("asked itself: %+v", r.net.queries)
	}
}
