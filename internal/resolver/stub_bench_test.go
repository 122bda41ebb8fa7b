package resolver

import (
	"fmt"
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// benchExchange asks the stub over UDP, one question after the other.
func benchExchange(b *testing.B, addr netip.AddrPort, name func(i int) string) {
	conn, err := net.Dial("udp", addr.String())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	wire := &dns.Conn{Conn: conn, UDPSize: ednsSize}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if err := wire.WriteMsg(newQuestion(name(i), dns.TypeA)); err != nil {
			b.Fatal(err)
		}
		if m, err := wire.ReadMsg(); err != nil || len(m.Answer) == 0 {
			b.Fatal(m, err)
		}
	}
}

// BenchmarkStubCached is a round trip over loopback for an answer in the cache.
func BenchmarkStubCached(b *testing.B) {
	r := newStubRig(b)
	r.up()
	addr := r.serve(b)
	benchExchange(b, addr, func(int) string { return privateHost })
}

// BenchmarkStubForward is a round trip over loopback through the stub to a real
// server and back.
func BenchmarkStubForward(b *testing.B) {
	r := newStubRig(b)
	r.ask = &Client{}
	pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &dns.Server{PacketConn: pc, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetReply(q)
		m.Answer = []dns.RR{&dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 0},
			A:   net.IPv4(203, 0, 113, 80),
		}}
		_ = w.WriteMsg(m)
	})}
	go func() { _ = server.ActivateAndServe() }()
	b.Cleanup(func() { _ = server.Shutdown() })
	r.upstream = func() []netip.AddrPort {
		return []netip.AddrPort{pc.LocalAddr().(*net.UDPAddr).AddrPort()}
	}
	addr := r.serve(b)
	benchExchange(b, addr, func(i int) string { return fmt.Sprintf("n%d.example.com", i) })
}

// BenchmarkStubAnswer is what the stub itself spends on a cached answer.
func BenchmarkStubAnswer(b *testing.B) {
	r := newStubRig(b)
	r.up()
	raw, err := newQuestion(privateHost, dns.TypeA).Pack()
	if err != nil {
		b.Fatal(err)
	}
	r.send(raw, true)
	b.ReportAllocs()
	for b.Loop() {
		r.send(raw, true)
	}
}
