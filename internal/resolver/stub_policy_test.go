package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestPrivateNamesGoThroughTheLinkOnly(t *testing.T) {
	r := newStubRig(t)
	r.up()
	m := r.lookup(t, "A1b2-ATS.iot.ap-northeast-1.amazonaws.COM", dns.TypeA)
	wantValues(t, m, dns.TypeA, "10.0.20.107", "10.0.6.105")
	if got := m.Question[0].Name; got != "A1b2-ATS.iot.ap-northeast-1.amazonaws.COM." {
		t.Errorf("the question comes back as %s", got)
	}
	if q := r.net.queries[0]; q.device != "tun0" || q.server != vpcServer || q.name != privateHost+"." {
		t.Errorf("asked %+v", q)
	}
	wantValues(t, r.lookup(t, "www.example.com", dns.TypeA), dns.TypeA, "203.0.113.80")
	if q := r.net.queries[1]; q.device != "" || q.server != uplinkServer {
		t.Errorf("asked %+v", q)
	}
	r.nothingPrivateLeft(t)
}

func TestNodataWhileTheLinkIsDown(t *testing.T) {
	r := newStubRig(t)
	for _, name := range []string{privateHost, "amazonaws.com", "no-such.amazonaws.com", "1.0.0.10.in-addr.arpa"} {
		wantNodata(t, r.lookup(t, name, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "nothing from 203.0.113.10:443")
	}
	r.cause = nil
	wantNodata(t, r.lookup(t, privateHost, dns.TypeAAAA), dns.ExtendedErrorCodeNetworkError, "link into the VPC is down")
	if n := len(r.net.queries); n != 0 {
		t.Errorf("%d queries left the stub", n)
	}
}

// Whatever the VPC resolver does but answer, the client hears NODATA: any error
// would make it ask its next server.
func TestFailuresOfTheVPCBecomeNodata(t *testing.T) {
	for _, tc := range []struct {
		name  string
		serve serverFunc
		code  uint16
		text  string
	}{
		{"SERVFAIL", failing(dns.RcodeServerFailure), dns.ExtendedErrorCodeNoReachableAuthority, "SERVFAIL"},
		{"REFUSED", failing(dns.RcodeRefused), dns.ExtendedErrorCodeNoReachableAuthority, "REFUSED"},
		{"NOTIMP", failing(dns.RcodeNotImplemented), dns.ExtendedErrorCodeNoReachableAuthority, "NOTIMP"},
		{"silence", nil, dns.ExtendedErrorCodeNetworkError, "no VPC resolver (10.0.0.2) answers through tun0 in 4s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStubRig(t)
				r.net.set(vpcServer, tc.serve)
				r.up()
				wantNodata(t, r.lookup(t, privateHost, dns.TypeA), tc.code, tc.text)
				r.nothingPrivateLeft(t)
			})
		})
	}
}

// The device is gone before the agent has heard of it.
func TestAMissingDeviceIsNodata(t *testing.T) {
	r := newStubRig(t)
	r.ask = &Client{}
	r.SetPath(&Path{Device: "earesnone", Servers: []netip.Addr{vpcServer.Addr()}})
	wantNodata(t, r.lookup(t, privateHost, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "earesnone")
}

func TestNoServersAreNodata(t *testing.T) {
	r := newStubRig(t)
	r.SetPath(&Path{Link: "canal", Device: "wwan0"})
	wantNodata(t, r.lookup(t, privateHost, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "no VPC resolver is known")
	r.config.Servers = []netip.Addr{vpcServer.Addr()}
	wantValues(t, r.lookup(t, privateHost, dns.TypeA), dns.TypeA, "10.0.20.107", "10.0.6.105")
}

func TestNXDOMAINFromTheVPCIsFinal(t *testing.T) {
	r := newStubRig(t)
	r.up(vpcServer2)
	m := r.lookup(t, "data.tunneling.iot.ap-northeast-1.amazonaws.com", dns.TypeA)
	if m.Rcode != dns.RcodeNameError || len(m.Ns) != 1 {
		t.Errorf("got %s %v, want NXDOMAIN with the VPC's SOA", dns.RcodeToString[m.Rcode], m.Ns)
	}
	if n := len(r.net.queries); n != 1 {
		t.Errorf("%d queries for one answer", n)
	}
	r.nothingPrivateLeft(t)
}

// No disguise carries a private name out, in any state of the link.
func TestNoDisguiseLeaks(t *testing.T) {
	spellings := []string{
		privateHost, strings.ToUpper(privateHost), privateHost + ".lan", privateHost + ".amazonaws.com.lan",
		`a1b2-ats\.iot.ap-northeast-1.amazonaws\.com`, `a1b2-ats.iot.ap-northeast-1.amazonaws.com\000.example.com`,
		"_mqtt._tcp." + privateHost, "*.iot.amazonaws.com", vpnHost + ".lan", `x\.` + vpnHost,
	}
	types := []uint16{
		dns.TypeNone, dns.TypeA, dns.TypeNS, dns.TypeCNAME, dns.TypeSOA, dns.TypePTR, dns.TypeTXT, dns.TypeAAAA,
		dns.TypeSRV, dns.TypeOPT, dns.TypeDS, dns.TypeHTTPS, dns.TypeTKEY, dns.TypeAXFR, dns.TypeIXFR, dns.TypeANY, 65280,
	}
	classes := []uint16{0, dns.ClassINET, dns.ClassCHAOS, dns.ClassNONE, dns.ClassANY}
	r := newStubRig(t)
	r.net.set(vpcServer, failing(dns.RcodeServerFailure))
	for _, up := range []bool{false, true} {
		if up {
			r.up()
		}
		for _, name := range spellings {
			for _, qtype := range types {
				for _, class := range classes {
					q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
					q.Question[0].Qclass = class
					if m := r.sendMsg(t, q); m.Rcode != dns.RcodeSuccess || len(m.Answer) != 0 {
						t.Errorf("%s type %d class %d up %v: %v", name, qtype, class, up, m)
					}
				}
			}
		}
	}
	for _, a := range r.net.queries {
		if a.server != vpcServer || a.device != "tun0" {
			t.Fatalf("%+v left the stub", a)
		}
	}
}

func TestNamesThatBringTheLinkUpGoToTheUplink(t *testing.T) {
	for _, up := range []bool{false, true} {
		r := newStubRig(t)
		if up {
			r.up()
		}
		wantValues(t, r.lookup(t, vpnHost, dns.TypeA), dns.TypeA, "203.0.113.10")
		wantValues(t, r.lookup(t, "X1."+vpnHost, dns.TypeA), dns.TypeA, "203.0.113.11")
		r.lookup(t, "other.clientvpn.ap-northeast-1.amazonaws.com", dns.TypeA)
		want := []string{vpnHost + ".", "x1." + vpnHost + "."}
		if got := r.net.names(uplinkServer); !slices.Equal(got, want) {
			t.Errorf("up %v: the uplink was asked for %v, want %v", up, got, want)
		}
	}
}

// What the uplink says of an exempt name is passed on whole, be the end of its
// chain private.
func TestExemptAnswersAreUntouched(t *testing.T) {
	r := newStubRig(t)
	r.net.set(uplinkServer, zone(vpnHost+". 60 CNAME lb.amazonaws.com.", "lb.amazonaws.com. 60 A 203.0.113.10"))
	m := r.lookup(t, vpnHost, dns.TypeA)
	wantValues(t, m, dns.TypeA, "203.0.113.10")
	wantValues(t, m, dns.TypeCNAME, "lb.amazonaws.com.")
}

func TestLookupUplink(t *testing.T) {
	r := newStubRig(t)
	ctx := context.Background()
	for range 2 { // never from the cache
		got, err := r.LookupUplink(ctx, "x1."+vpnHost)
		if err != nil || !slices.Equal(got, []netip.Addr{netip.MustParseAddr("203.0.113.11")}) {
			t.Fatalf("got %v, %v", got, err)
		}
	}
	if n := len(r.net.names(uplinkServer)); n != 2 {
		t.Errorf("%d queries, want 2", n)
	}
	if got, err := r.LookupUplink(ctx, "203.0.113.10"); err != nil || len(got) != 1 {
		t.Errorf("an address is its own answer: %v, %v", got, err)
	}
	var missing *net.DNSError
	if _, err := r.LookupUplink(ctx, "no."+vpnHost); !errors.As(err, &missing) || !missing.IsNotFound {
		t.Errorf("a name that does not exist: %v", err)
	}
	r.net.set(uplinkServer, failing(dns.RcodeServerFailure))
	if _, err := r.LookupUplink(ctx, vpnHost); err == nil || !strings.Contains(err.Error(), "SERVFAIL") {
		t.Errorf("SERVFAIL: %v", err)
	}
	if _, err := r.LookupUplink(ctx, privateHost); err == nil {
		t.Error("a private name was looked up at the uplink")
	}
	r.upstream = func() []netip.AddrPort { return nil }
	if _, err := r.LookupUplink(ctx, vpnHost); !errors.Is(err, errNoUpstream) {
		t.Errorf("without servers: %v", err)
	}
	r.nothingPrivateLeft(t)
}

func TestErrorsOfTheUplinkPass(t *testing.T) {
	r := newStubRig(t)
	for _, rcode := range []int{dns.RcodeServerFailure, dns.RcodeRefused} {
		r.net.set(uplinkServer, failing(rcode))
		if m := r.lookup(t, "www.example.com", dns.TypeA); m.Rcode != rcode {
			t.Errorf("got %s, want %s", dns.RcodeToString[m.Rcode], dns.RcodeToString[rcode])
		}
	}
	r.kept.Store(nil)
	r.upstream = func() []netip.AddrPort { return nil }
	m := r.lookup(t, "www.example.com", dns.TypeA)
	if e := edeOf(m.IsEdns0()); m.Rcode != dns.RcodeServerFailure || e == nil || e.ExtraText != errNoUpstream.Error() {
		t.Errorf("without servers: %v", m)
	}
}

// A new lease counts within a second, and at once where there was none before.
func TestUplinkServersAreReadAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		var now []netip.AddrPort
		reads := 0
		r.upstream = func() []netip.AddrPort { reads++; return now }
		want := func(what string, server netip.AddrPort, n int) {
			t.Helper()
			all := r.upstreams().all
			if (len(all) == 0) == server.IsValid() || len(all) > 0 && all[0] != server || reads != n {
				t.Errorf("%s: %v after %d reads, want %v after %d", what, all, reads, server, n)
			}
		}
		one, two := netip.MustParseAddrPort("192.0.2.1:53"), netip.MustParseAddrPort("192.0.2.2:53")
		want("no lease", netip.AddrPort{}, 1)
		now = []netip.AddrPort{one}
		want("a lease", one, 2)
		now = []netip.AddrPort{two}
		want("another within the second", one, 2)
		time.Sleep(keptFor)
		want("another", two, 3)
	})
}

func TestReverseNames(t *testing.T) {
	r := newStubRig(t)
	r.up()
	wantValues(t, r.lookup(t, "105.6.0.10.in-addr.arpa", dns.TypePTR), dns.TypePTR, "iot.internal.")
	if names := r.net.names(uplinkServer); len(names) != 0 {
		t.Errorf("the uplink was asked for %v", names)
	}
	lan := newStubRig(t, func(o *StubOptions) { o.Reverse = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")} })
	lan.lookup(t, "1.1.168.192.in-addr.arpa", dns.TypePTR)
	if names := lan.net.names(uplinkServer); len(names) != 1 {
		t.Errorf("with the VPC's own range only, the LAN's names are the uplink's: asked %v", names)
	}
}
