package resolver

import (
	"net/netip"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

func TestScope(t *testing.T) {
	n := newNames([]string{"AmazonAWS.com.", "corp"}, []string{vpnHost}, config.Default().Endpoint.PrivateCIDRs,
		func() []string { return []string{"Lan", "site.example.net."} })
	for _, tc := range []struct {
		name string
		want scope
	}{
		{"example.com", scopePublic},
		{".", scopePublic},
		{"com", scopePublic},

		{"amazonaws.com", scopePrivate},
		{"x.amazonaws.com", scopePrivate},
		{"X.AMAZONAWS.COM.", scopePrivate},
		{"notamazonaws.com", scopePublic},
		{"amazonaws.com.example.org", scopePrivate}, // somebody's search list
		{"x.amazonaws.com.lan", scopePrivate},
		{"x.amazonaws.com.cn", scopePrivate}, // the price of that
		{"x.amazonaws.comcast.net", scopePublic},

		// What a careless server may read as a private name.
		{`x.amazonaws\.com`, scopePrivate},
		{`x\.amazonaws.com`, scopePrivate},
		{`x.amazonaws.com\000.example.org`, scopePrivate},
		{`x.amazonaws\032com`, scopePrivate},
		{`x.amazonaws\-com`, scopePublic},

		{"db.corp", scopePrivate},
		{"db.corp.lan", scopePrivate},
		{"db.corp.LAN.", scopePrivate},
		{"db.corp.site.example.net", scopePrivate},
		{"db.corp.example.com", scopePublic}, // by chance

		{vpnHost, scopeExempt},
		{strings.ToUpper(vpnHost) + ".", scopeExempt},
		{"x1." + vpnHost, scopeExempt},
		{"a.b." + vpnHost, scopeExempt},
		{"x" + vpnHost, scopePrivate},
		{`x\.` + vpnHost, scopePrivate},
		{`x\018` + vpnHost, scopePrivate}, // ends like it, byte for byte
		{vpnHost + ".lan", scopePrivate},
		{strings.TrimPrefix(vpnHost, "cvpn-endpoint-0a1b."), scopePrivate},
		{"cvpn-endpoint-9999.prod.clientvpn.ap-northeast-1.amazonaws.com", scopePrivate},

		{"105.6.0.10.in-addr.arpa", scopePrivate},
		{"10.IN-ADDR.arpa", scopePrivate},
		{"lb._dns-sd._udp.0.1.168.192.in-addr.arpa", scopePrivate},
		{"16.172.in-addr.arpa", scopePrivate},
		{"64.100.in-addr.arpa", scopePrivate},
		{"172.in-addr.arpa", scopePublic}, // mostly public
		{"15.172.in-addr.arpa", scopePublic},
		{"8.8.8.8.in-addr.arpa", scopePublic},
		{"999.10.in-addr.arpa", scopePrivate}, // whatever it is, it lies under 10
		{"in-addr.arpa", scopePublic},
		{"b.a.9.8.ip6.arpa", scopePublic},
	} {
		if got := n.scope(wire(tc.name)); got != tc.want {
			t.Errorf("%s: scope %d, want %d", tc.name, got, tc.want)
		}
	}
}

func TestScopeOfEverything(t *testing.T) {
	n := newNames([]string{"."}, []string{vpnHost}, nil, nil)
	for _, tc := range []struct {
		name string
		want scope
	}{
		{".", scopePrivate}, {"com", scopePrivate}, {"8.8.8.8.in-addr.arpa", scopePrivate},
		{vpnHost, scopeExempt},
	} {
		if got := n.scope(wire(tc.name)); got != tc.want {
			t.Errorf("%s: scope %d, want %d", tc.name, got, tc.want)
		}
	}
}

// A name that means nothing must not turn into one that means everything.
func TestScopeOfNothing(t *testing.T) {
	n := newNames([]string{strings.Repeat("a", 64), "x..y", "lan"}, []string{"", ".", "a..b"}, nil, nil)
	if n.scope("") != scopePrivate {
		t.Error("what cannot be read as a name is not private")
	}
	if n.all || len(n.domains) != 1 || len(n.exempt) != 0 {
		t.Errorf("names %+v: only lan is a name", n)
	}
}

func TestReversed(t *testing.T) {
	for _, tc := range []struct{ name, want string }{
		{"105.6.0.10.in-addr.arpa", "10.0.6.105/32"},
		{"6.0.10.in-addr.arpa", "10.0.6.0/24"},
		{"64/26.1.168.192.in-addr.arpa", "192.168.1.0/24"}, // RFC 2317
		{"1.2.3.4.5.in-addr.arpa", "5.4.3.2/32"},
		{"256.in-addr.arpa", ""},
		{"+1.in-addr.arpa", ""},
		{"8.b.d.0.1.0.0.2.ip6.arpa", "2001:db8::/32"},
		{"e.f.ip6.arpa", "fe00::/8"},
		{"10.ip6.arpa", ""},
		{"arpa", ""},
		{"10.in-addr.arpa.lan", ""},
	} {
		want := netip.Prefix{}
		if tc.want != "" {
			want = netip.MustParsePrefix(tc.want)
		}
		if got := reversed(wire(tc.name)); got != want {
			t.Errorf("%s: %s, want %s", tc.name, got, want)
		}
	}
}

// The scope of a name must not depend on what stands around it in memory, and
// no spelling of a private name may be public.
func FuzzScope(f *testing.F) {
	n := newNames([]string{"amazonaws.com"}, []string{vpnHost}, nil, nil)
	for _, s := range []string{"x", "X-y", `a\.b`, "\x00", "é"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, prefix string) {
		w := wire(prefix + ".amazonaws.com")
		if w == "" {
			t.Skip("not a name")
		}
		if n.scope(w) == scopePublic {
			t.Errorf("%q is public", prefix+".amazonaws.com")
		}
		size := 1
		for _, l := range labels(w) {
			size += 1 + len(l)
		}
		if size != len(w) || len(flatten(w)) != len(w) {
			t.Errorf("%q: labels of %d bytes, flat %q", prefix, size, flatten(w))
		}
	})
}
