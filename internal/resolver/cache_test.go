package resolver

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestCacheCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.set(uplinkServer, zone("www.example.com. 60 A 203.0.113.80"))
		ttl := func() uint32 { return r.lookup(t, "www.example.com", dns.TypeA).Answer[0].Header().Ttl }
		for _, tc := range []struct {
			after   time.Duration
			want    uint32
			queries int
		}{{0, 60, 1}, {0, 60, 1}, {1500 * time.Millisecond, 59, 1}, {58 * time.Second, 1, 1}, {time.Second, 60, 2}} {
			time.Sleep(tc.after)
			if got := ttl(); got != tc.want || len(r.net.queries) != tc.queries {
				t.Errorf("%s later: TTL %d after %d queries, want %d after %d", tc.after, got, len(r.net.queries), tc.want, tc.queries)
			}
		}
	})
}

func TestLifetime(t *testing.T) {
	const host = "x.example.com."
	soa := "example.com. 900 SOA ns. mail. 1 2 3 4 30"
	for _, tc := range []struct {
		name       string
		rcode      int
		answer, ns []string
		change     func(*reply)
		want       time.Duration
	}{
		{name: "the least TTL", answer: []string{host + " 60 CNAME y.example.com.", "y.example.com. 20 A 192.0.2.1"}, want: 20 * time.Second},
		{name: "not for ever", answer: []string{host + " 604800 A 192.0.2.1"}, want: maxTTL},
		{name: "TTL 0", answer: []string{host + " 0 A 192.0.2.1"}},
		{name: "an authority that ends sooner", answer: []string{host + " 60 A 192.0.2.1"}, ns: []string{"example.com. 7 NS ns."}, want: 7 * time.Second},
		{name: "NXDOMAIN", rcode: dns.RcodeNameError, ns: []string{soa}, want: 30 * time.Second},
		{name: "NODATA", ns: []string{soa}, want: 30 * time.Second},
		{name: "a chain to nothing", answer: []string{host + " 10 CNAME y.example.com."}, ns: []string{soa}, want: 10 * time.Second},
		{name: "a long negative", rcode: dns.RcodeNameError, ns: []string{"example.com. 900 SOA ns. mail. 1 2 3 4 86400"}, want: maxNegative},
		{name: "NXDOMAIN without SOA", rcode: dns.RcodeNameError},
		{name: "SERVFAIL", rcode: dns.RcodeServerFailure, ns: []string{soa}},
		{name: "REFUSED", rcode: dns.RcodeRefused, answer: []string{host + " 60 A 192.0.2.1"}},
		{name: "ours", answer: []string{host + " 60 A 192.0.2.1"}, change: func(r *reply) { r.transient = true }},
	} {
		r := replyOf(message(t, tc.rcode, tc.answer...))
		authority := message(t, 0, tc.ns...)
		r.ns = append(authority.Ns, authority.Answer...)
		if tc.change != nil {
			tc.change(r)
		}
		if got := r.lifetime(dns.TypeA); got != tc.want {
			t.Errorf("%s: kept for %s, want %s", tc.name, got, tc.want)
		}
	}
	if got := replyOf(message(t, 0, host+" 60 TXT a")).lifetime(dns.TypeANY); got != time.Minute {
		t.Errorf("ANY is kept for %s", got)
	}
}

func TestTruncatedAnswersAreNotKept(t *testing.T) {
	m := message(t, dns.RcodeSuccess, "x.example.com. 60 A 192.0.2.1")
	m.Truncated = true
	if got := replyOf(m).lifetime(dns.TypeA); got != 0 {
		t.Errorf("kept for %s", got)
	}
}

func TestErrorsAreAskedAgain(t *testing.T) {
	r := newStubRig(t)
	r.net.set(uplinkServer, failing(dns.RcodeServerFailure))
	r.lookup(t, "www.example.com", dns.TypeA)
	r.net.set(uplinkServer, zone("www.example.com. 60 A 203.0.113.80"))
	wantValues(t, r.lookup(t, "www.example.com", dns.TypeA), dns.TypeA, "203.0.113.80")
}

func TestCacheIsBounded(t *testing.T) {
	c := newCache(3)
	k := func(i int) key { return key{name: fmt.Sprint(i), qtype: dns.TypeA} }
	for i := range 3 {
		c.put(k(i), replyOf(message(t, 0, "x.example.com. 60 A 192.0.2.1")), 0)
	}
	c.get(k(0)) // used: stays
	c.put(k(3), replyOf(message(t, 0, "x.example.com. 60 A 192.0.2.1")), 0)
	for i, want := range []bool{true, false, true, true} {
		if got := c.get(k(i)) != nil; got != want {
			t.Errorf("entry %d: kept %v, want %v", i, got, want)
		}
	}
	var big []string
	for i := range 300 {
		big = append(big, fmt.Sprintf("x.example.com. 60 TXT text-number-%d", i))
	}
	c.put(key{name: "big", qtype: dns.TypeTXT}, replyOf(message(t, 0, big...)), 0)
	if c.get(key{name: "big", qtype: dns.TypeTXT}) != nil {
		t.Error("an answer of more than maxEntrySize was kept")
	}
	if len(c.entries) != c.recent.Len() || len(c.entries) != 3 {
		t.Errorf("%d entries, %d in the list", len(c.entries), c.recent.Len())
	}
}

func TestCacheEntriesAreReplaced(t *testing.T) {
	c := newCache(3)
	k := key{name: "x", qtype: dns.TypeA}
	c.put(k, replyOf(message(t, 0, "x.example.com. 60 A 192.0.2.1")), 0)
	c.put(k, replyOf(message(t, 0, "x.example.com. 60 A 192.0.2.2")), 0)
	if got := c.get(k); got == nil || len(c.entries) != 1 || c.recent.Len() != 1 || got.answer[0].(*dns.A).A.String() != "192.0.2.2" {
		t.Errorf("got %+v of %d entries", got, c.recent.Len())
	}
}
