package resolver

import (
	"slices"
	"testing"

	"github.com/miekg/dns"
)

// uplinkSays has the uplink answer every question with these records.
func (r *stubRig) uplinkSays(t *testing.T, rcode int, answer, extra []string) {
	t.Helper()
	full := message(t, rcode, answer...)
	add := message(t, rcode, extra...)
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, rcode)
		m.Answer, m.Extra = full.Copy().Answer, add.Copy().Answer
		return m
	})
}

func TestChainFromTheUplinkIntoThePrivateDomain(t *testing.T) {
	r := newStubRig(t)
	r.uplinkSays(t, dns.RcodeSuccess, []string{
		"app.example.com. 300 CNAME b.example.com.",
		privateHost + ". 300 A 203.0.113.66", // the public lie
		"b.example.com. 300 CNAME " + privateHost + ".",
	}, []string{privateHost + ". 300 AAAA 2001:db8::66"})

	m := r.lookup(t, "app.example.com", dns.TypeA)
	wantValues(t, m, dns.TypeA)
	wantValues(t, m, dns.TypeCNAME, privateHost+".", "b.example.com.")
	if e := edeOf(m.IsEdns0()); e == nil || e.InfoCode != dns.ExtendedErrorCodeNetworkError {
		t.Errorf("no reason given while the link is down: %v", m.IsEdns0())
	}
	if len(m.Extra) != 1 {
		t.Errorf("the uplink speaks for a private name: %v", m.Extra)
	}

	r.up()
	m = r.lookup(t, "app.example.com", dns.TypeA)
	wantValues(t, m, dns.TypeA, "10.0.20.107", "10.0.6.105")
	if m.Answer[0].Header().Name != "app.example.com." || m.Answer[1].Header().Name != "b.example.com." {
		t.Errorf("the chain is out of order: %v", m.Answer)
	}
	r.nothingPrivateLeft(t)

	// What came through the link must not outlive it.
	r.SetPath(nil)
	wantValues(t, r.lookup(t, "app.example.com", dns.TypeA), dns.TypeA)
}

// The uplink says NXDOMAIN because it cannot know the private end of the chain.
func TestChainWhoseEndTheUplinkDoesNotKnow(t *testing.T) {
	r := newStubRig(t)
	r.uplinkSays(t, dns.RcodeNameError, []string{"app.example.com. 300 CNAME " + privateHost + "."}, nil)
	r.up()
	wantValues(t, r.lookup(t, "app.example.com", dns.TypeA), dns.TypeA, "10.0.20.107", "10.0.6.105")
	r.uplinkSays(t, dns.RcodeSuccess, []string{"gone.example.com. 300 CNAME gone.amazonaws.com."}, nil)
	if m := r.lookup(t, "gone.example.com", dns.TypeA); m.Rcode != dns.RcodeNameError || len(m.Answer) != 1 {
		t.Errorf("got %v, want the VPC's NXDOMAIN with the chain", m)
	}
}

func TestChainThroughThePrivateDomain(t *testing.T) {
	r := newStubRig(t)
	r.uplinkSays(t, dns.RcodeSuccess, []string{
		"app.example.com. 300 CNAME out.amazonaws.com.",
		"out.amazonaws.com. 300 CNAME evil.example.net.",
		"evil.example.net. 300 A 203.0.113.66",
	}, nil)
	r.up()
	m := r.lookup(t, "app.example.com", dns.TypeA)
	wantValues(t, m, dns.TypeA, "10.9.9.9")
	wantValues(t, m, dns.TypeCNAME, "out.amazonaws.com.", "www.example.com.")
}

func TestChainFromTheVPCLeadsOut(t *testing.T) {
	r := newStubRig(t)
	r.up()
	m := r.lookup(t, "out.amazonaws.com", dns.TypeA)
	wantValues(t, m, dns.TypeA, "10.9.9.9")
	if n := len(r.net.names(uplinkServer)); n != 0 {
		t.Errorf("the uplink was asked %d times for what the VPC has answered", n)
	}
}

// Asked for the CNAME itself, there is nothing to follow. A record that brings
// addresses of a private name along is not the uplink's to give.
func TestRecordsThatNameAPrivateName(t *testing.T) {
	r := newStubRig(t)
	r.up()
	r.uplinkSays(t, dns.RcodeSuccess, []string{"app.example.com. 300 CNAME " + privateHost + "."}, nil)
	wantValues(t, r.lookup(t, "app.example.com", dns.TypeCNAME), dns.TypeCNAME, privateHost+".")
	r.uplinkSays(t, dns.RcodeSuccess, []string{
		"app.example.com. 300 HTTPS 1 " + privateHost + ". ipv4hint=203.0.113.66",
		`app.example.com. 300 HTTPS 2 . ipv4hint="203.0.113.80"`,
	}, nil)
	wantValues(t, r.lookup(t, "app.example.com", dns.TypeHTTPS), dns.TypeHTTPS, `2 . ipv4hint="203.0.113.80"`)
	if names := r.net.names(vpcServer); len(names) != 0 {
		t.Errorf("the VPC was asked for %v", names)
	}
}

func TestEndlessChains(t *testing.T) {
	r := newStubRig(t)
	r.up()
	r.uplinkSays(t, dns.RcodeSuccess, []string{"a.example.com. 60 CNAME b.example.com.", "b.example.com. 60 CNAME a.example.com."}, nil)
	if m := r.lookup(t, "a.example.com", dns.TypeA); !slices.Equal(values(m, dns.TypeCNAME), []string{"a.example.com.", "b.example.com."}) {
		t.Errorf("got %v", m.Answer)
	}
}
