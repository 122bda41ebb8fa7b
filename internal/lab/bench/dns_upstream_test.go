package bench

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/lab"
)

// upstreamOnLoopback serves like the uplink's server does.
func upstreamOnLoopback(t *testing.T) netip.AddrPort {
	t.Helper()
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go serveUpstream(conn)
	return conn.LocalAddr().(*net.UDPAddr).AddrPort()
}

func askerOf(t *testing.T, server netip.AddrPort) *asker {
	t.Helper()
	conn, err := net.Dial("udp", server.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &asker{conn: conn, buf: make([]byte, 4096)}
}

func TestUpstreamAnswersEveryQuestion(t *testing.T) {
	server := upstreamOnLoopback(t)
	a := askerOf(t, server)
	// What is no question is passed over, and the next one answered.
	if _, err := a.conn.Write([]byte("not DNS")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"one.example.com.", "two.example.com."} {
		if took, err := a.ask(name); err != nil || took <= 0 {
			t.Errorf("%s: %v after %s", name, err, took)
		}
	}
	q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA).SetEdns0(1232, false)
	m, err := dns.Exchange(q, server.String())
	if err != nil {
		t.Fatal(err)
	}
	if a, ok := m.Answer[0].(*dns.A); !ok || a.A.String() != lab.VPNAddr.String() || m.IsEdns0() == nil {
		t.Errorf("it answers %v", m)
	}
}

// An answer to another question, or one without an address, is not counted.
func TestAskerBelievesOnlyItsAnswer(t *testing.T) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	a := askerOf(t, conn.LocalAddr().(*net.UDPAddr).AddrPort())
	answered := make(chan error, 1)
	go func() {
		buf := make([]byte, 512)
		n, from, err := conn.ReadFromUDPAddrPort(buf)
		var q dns.Msg
		if err == nil {
			err = q.Unpack(buf[:n])
		}
		for _, id := range []uint16{q.Id + 1, q.Id} {
			m := new(dns.Msg).SetRcode(&q, dns.RcodeServerFailure)
			m.Id = id
			raw, packErr := m.Pack()
			if packErr == nil {
				_, err = conn.WriteToUDPAddrPort(raw, from)
			}
		}
		answered <- err
	}()
	_, err = a.ask("www.example.com.")
	if err == nil || !strings.Contains(err.Error(), "www.example.com.: the answer has no address: SERVFAIL") {
		t.Errorf("%v, want the server's failure", err)
	}
	if err := <-answered; err != nil {
		t.Error(err)
	}
}

func TestRate(t *testing.T) {
	f := &forwarder{}
	f.note(false, 1000, time.Second, 50*time.Millisecond)
	f.note(false, 3000, time.Second, 150*time.Millisecond)
	f.note(true, 9, time.Second, 0)
	if got, want := f.rate[false].String(), "2000 (50 µs)"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}
