package resolver

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

var testPrefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10")}

func mustAddrs(addrs ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range addrs {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

// message builds an answer from records in zone file form.
func message(t testing.TB, rcode int, records ...string) *dns.Msg {
	t.Helper()
	m := new(dns.Msg).SetRcode(aQuery(), rcode)
	for _, s := range records {
		rr, err := dns.NewRR(s)
		if err != nil {
			t.Fatal(err)
		}
		if rr.Header().Rrtype == dns.TypeSOA {
			m.Ns = append(m.Ns, rr)
		} else {
			m.Answer = append(m.Answer, rr)
		}
	}
	return m
}

func TestAddressesOf(t *testing.T) {
	const soa = "iot.ap-northeast-1.amazonaws.com. 900 IN SOA ns. host. 1 7200 900 1209600 "
	for name, tc := range map[string]struct {
		rcode   int
		records []string
		want    string
		ttl     time.Duration
	}{
		"sorted, without duplicates": {0, []string{
			testHost + ". 60 IN A 10.0.20.107", testHost + ". 50 IN A 10.0.6.105", testHost + ". 60 IN A 10.0.20.107",
		}, "10.0.6.105, 10.0.20.107", 50 * time.Second},
		"along CNAMEs in any order": {0, []string{
			"b.example. 300 IN A 10.0.6.105", "a.example. 20 IN CNAME b.example.", testHost + ". 60 IN CNAME a.example.",
		}, "10.0.6.105", 20 * time.Second},
		"case does not matter": {0, []string{
			"XXXXXXXXXXXXXX-ats.IOT.ap-northeast-1.amazonaws.com. 60 IN A 10.0.6.105",
		}, "10.0.6.105", time.Minute},
		"not other names": {0, []string{
			testHost + ". 60 IN A 10.0.6.105", "other.example. 5 IN A 198.51.100.80",
		}, "10.0.6.105", time.Minute},
		"not another class":   {0, []string{testHost + ". 60 CH A 10.0.6.105"}, "none", maxTTL},
		"CNAME loop":          {0, []string{testHost + ". 60 IN CNAME a.", "a. 60 IN CNAME " + testHost + "."}, "none", 0},
		"CNAME to nothing":    {0, []string{testHost + ". 60 IN CNAME gone.example."}, "none", time.Minute},
		"nothing of an error": {dns.RcodeNameError, []string{testHost + ". 60 IN A 10.0.6.105"}, "none", maxTTL},
		"SOA minimum":         {dns.RcodeNameError, []string{soa + "30"}, "none", 30 * time.Second},
		"SOA TTL":             {0, []string{soa + "86400"}, "none", 15 * time.Minute},
		"an hour at most":     {0, []string{testHost + ". 604800 IN A 10.0.6.105"}, "10.0.6.105", time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			addrs, ttl := addressesOf(message(t, tc.rcode, tc.records...), testHost)
			if got := joinAddrs(addrs); got != tc.want || ttl != tc.ttl {
				t.Errorf("got %s for %s, want %s for %s", got, ttl, tc.want, tc.ttl)
			}
		})
	}
}

func TestResultVerdict(t *testing.T) {
	wrap := func(err error) error { return fmt.Errorf("probing: %w", err) }
	server := netip.MustParseAddr("10.0.0.2")
	for _, tc := range []struct {
		r     Result
		want  verdict
		alive bool
		text  string
	}{
		{Result{Addresses: mustAddrs("10.0.6.105", "100.64.0.1")}, verdictPrivate, true, ""},
		{Result{Addresses: mustAddrs("10.0.6.105", "100.128.0.1")}, verdictPublic, true, ""},
		{Result{Addresses: mustAddrs("127.0.0.1")}, verdictPublic, true, ""},
		{Result{}, verdictMissing, true, "10.0.0.2 has no A record for the endpoint's name"},
		{Result{Rcode: dns.RcodeNameError}, verdictMissing, true, "10.0.0.2 does not know the endpoint's name"},
		{Result{Rcode: dns.RcodeServerFailure}, verdictFailed, true, "10.0.0.2 answers SERVFAIL"},
		{Result{Rcode: dns.RcodeRefused}, verdictFailed, true, "10.0.0.2 answers REFUSED"},
		{Result{Rcode: 3000}, verdictFailed, true, "10.0.0.2 answers with error 3000"},
		{Result{Err: wrap(ErrTruncated)}, verdictFailed, true, "10.0.0.2 gives half an answer, and none over TCP"},
		{Result{Err: wrap(fmt.Errorf("%w; %w", ErrTruncated, syscall.ECONNREFUSED))}, verdictFailed, true, "10.0.0.2 gives half an answer, and none over TCP"},
		{Result{Err: wrap(syscall.ECONNREFUSED)}, verdictSilent, true, "10.0.0.2 refuses: no DNS server there"},
		{Result{Err: wrap(errors.New("timeout"))}, verdictSilent, false, "no answer from 10.0.0.2"},
		{Result{Err: errNoServers}, verdictSilent, false, "no VPC resolver is known: set resolver.servers"},
	} {
		tc.r.Server = server
		if got := tc.r.verdict(testPrefixes); got != tc.want {
			t.Errorf("verdict of %+v is %d, want %d", tc.r, got, tc.want)
		}
		if got := tc.r.alive(); got != tc.alive {
			t.Errorf("alive of %+v is %t", tc.r, got)
		}
		if got := tc.r.trouble(); tc.text != "" && got != tc.text {
			t.Errorf("trouble of %+v is %q, want %q", tc.r, got, tc.text)
		}
	}
}

func FuzzAddressesOf(f *testing.F) {
	for _, records := range [][]string{
		{testHost + ". 60 IN A 10.0.6.105"},
		{testHost + ". 60 IN CNAME a.", "a. 60 IN CNAME b.", "b. 1 IN A 198.51.100.80"},
		{"com. 5 IN SOA a. b. 1 2 3 4 5"},
	} {
		data, err := message(f, dns.RcodeSuccess, records...).Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(dns.Msg)
		if m.Unpack(data) != nil {
			return
		}
		addrs, ttl := addressesOf(m, testHost)
		if ttl < 0 || ttl > maxTTL {
			t.Errorf("TTL %s", ttl)
		}
		if !slices.IsSortedFunc(addrs, netip.Addr.Compare) {
			t.Errorf("not sorted: %v", addrs)
		}
		for _, a := range addrs {
			if !a.Is4() {
				t.Errorf("%v is not IPv4", a)
			}
		}
		if len(addrs) > 0 && m.Rcode != dns.RcodeSuccess {
			t.Errorf("addresses %v of an error", addrs)
		}
	})
}
