package resolver

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

func TestMessagesThatAreNoQuestion(t *testing.T) {
	r := newStubRig(t)
	question := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	with := func(change func(*dns.Msg)) []byte {
		m := question.Copy()
		change(m)
		raw, err := m.Pack()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	const silent, edns = -1, true
	for _, tc := range []struct {
		name string
		raw  []byte
		want int
	}{
		{"nothing", nil, silent},
		{"half a header", make([]byte, headerSize-1), silent},
		{"a response", with(func(m *dns.Msg) { m.Response = true }), silent},
		{"a bare header", make([]byte, headerSize), dns.RcodeFormatError},
		{"garbage after the header", append(make([]byte, headerSize), 0xC0, 0x0C), dns.RcodeFormatError},
		{"a pointer to itself", []byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 0x0C, 0, 1, 0, 1}, dns.RcodeFormatError},
		{"cut short", with(func(*dns.Msg) {})[:20], dns.RcodeFormatError},
		{"two questions", with(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), dns.RcodeFormatError},
		{"two OPT records", with(func(m *dns.Msg) { m.SetEdns0(1232, edns).SetEdns0(1232, edns) }), dns.RcodeFormatError},
		{"a notify", with(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), dns.RcodeNotImplemented},
		{"an update", with(func(m *dns.Msg) { m.Opcode = dns.OpcodeUpdate }), dns.RcodeNotImplemented},
		{"class CHAOS", with(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), dns.RcodeRefused},
		{"a zone transfer", with(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAXFR }), dns.RcodeNotImplemented},
		{"EDNS version 1", with(func(m *dns.Msg) { m.SetEdns0(1232, edns).IsEdns0().SetVersion(1) }), dns.RcodeBadVers},
	} {
		t.Run(tc.name, func(t *testing.T) {
			answer := r.send(tc.raw, true)
			if tc.want == silent {
				if answer != nil {
					t.Errorf("answered with %x", answer)
				}
				return
			}
			var m dns.Msg
			if err := m.Unpack(answer); err != nil || m.Rcode != tc.want || !m.Response || !bytes.Equal(answer[:2], tc.raw[:2]) {
				t.Errorf("answer %x (%v), want %s", answer, err, dns.RcodeToString[tc.want])
			}
		})
	}
	if len(r.net.queries) != 0 {
		t.Errorf("forwarded %+v", r.net.queries)
	}
}

func TestEDNSIsOurOwn(t *testing.T) {
	r := newStubRig(t)
	q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA).SetEdns0(4000, true)
	q.CheckingDisabled, q.AuthenticatedData = true, true
	opt := q.IsEdns0()
	opt.Option = []dns.EDNS0{
		&dns.EDNS0_COOKIE{Code: dns.EDNS0COOKIE, Cookie: "0123456789abcdef"},
		&dns.EDNS0_SUBNET{Code: dns.EDNS0SUBNET, Family: 1, SourceNetmask: 24, Address: []byte{192, 168, 1, 0}},
		&dns.EDNS0_LOCAL{Code: 65001, Data: []byte("x")},
	}
	m := r.sendMsg(t, q)
	if got := m.IsEdns0(); got == nil || got.UDPSize() != ednsSize || !got.Do() || len(got.Option) != 0 {
		t.Errorf("the client gets %v", got)
	}
	sent := r.net.queries[0].msg
	if got := sent.IsEdns0(); got == nil || got.UDPSize() != ednsSize || !got.Do() || len(got.Option) != 0 {
		t.Errorf("the server gets %v", got)
	}
	if !sent.CheckingDisabled || !sent.RecursionDesired || sent.AuthenticatedData || !m.CheckingDisabled {
		t.Errorf("flags: sent %v, answered %v", sent.MsgHdr, m.MsgHdr)
	}
	if m := r.sendMsg(t, new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)); m.IsEdns0() != nil {
		t.Error("EDNS for a client that does not speak it")
	}
}

// What was signed for one client is not what another asked for.
func TestAnswersWithAndWithoutDNSSECStayApart(t *testing.T) {
	r := newStubRig(t)
	ask := func(do, cd bool) {
		q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA).SetEdns0(ednsSize, do)
		q.CheckingDisabled = cd
		r.sendMsg(t, q)
	}
	for range 2 {
		ask(false, false)
		ask(true, false)
		ask(true, true)
	}
	if n := len(r.net.queries); n != 3 {
		t.Errorf("%d queries, want 3", n)
	}
}

func TestServersWithoutEDNS(t *testing.T) {
	r := newStubRig(t)
	answer := zone("www.example.com. 60 A 203.0.113.80")
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		if q.IsEdns0() != nil {
			return new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
		}
		return answer(q)
	})
	wantValues(t, r.lookup(t, "www.example.com", dns.TypeA), dns.TypeA, "203.0.113.80")
}

func TestAnswersAreCutToTheClientsSize(t *testing.T) {
	r := newStubRig(t)
	var records []string
	for i := range 200 {
		records = append(records, fmt.Sprintf("big.example.com. 60 A 192.0.2.%d", i))
	}
	r.uplinkSays(t, dns.RcodeSuccess, records, nil)
	for _, tc := range []struct {
		name    string
		size    uint16 // 0: no EDNS
		udp     bool
		limit   int
		all     bool
		minimum int
	}{
		{"without EDNS", 0, true, 512, false, 20},
		{"a size below the least", 100, true, 512, false, 20},
		{"the usual size", 1232, true, 1232, false, 60},
		{"a large size", 4096, true, 4096, true, 200},
		{"a size beyond reason", 65535, true, maxUDPAnswer, true, 200},
		{"TCP", 512, false, 65535, true, 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			q := new(dns.Msg).SetQuestion("big.example.com.", dns.TypeA)
			if tc.size > 0 {
				q.SetEdns0(tc.size, false)
			}
			raw, _ := q.Pack()
			answer := r.send(raw, tc.udp)
			var m dns.Msg
			if err := m.Unpack(answer); err != nil {
				t.Fatal(err)
			}
			if len(answer) > tc.limit || m.Truncated == tc.all || len(m.Answer) < tc.minimum {
				t.Errorf("%d bytes, truncated %v, %d records", len(answer), m.Truncated, len(m.Answer))
			}
			if (m.IsEdns0() != nil) != (tc.size > 0) {
				t.Errorf("OPT lost or made up: %v", m.Extra)
			}
		})
	}
}

// An extended rcode does not fit into the header alone.
func TestExtendedErrorsForOldClients(t *testing.T) {
	r := newStubRig(t)
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetRcode(q, dns.RcodeBadCookie)
		return m.SetEdns0(1232, false)
	})
	if m := r.sendMsg(t, new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)); m.Rcode != dns.RcodeServerFailure {
		t.Errorf("got %s", dns.RcodeToString[m.Rcode])
	}
	if m := r.lookup(t, "www.example.com", dns.TypeA); m.Rcode != dns.RcodeBadCookie {
		t.Errorf("got %s", dns.RcodeToString[m.Rcode])
	}
}

func TestRecordsThatCannotBePacked(t *testing.T) {
	r := newStubRig(t)
	r.up()
	broken := func(q *dns.Msg) *dns.Msg {
		m := new(dns.Msg).SetReply(q)
		m.Answer = []dns.RR{&dns.TXT{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60},
			Txt: []string{strings.Repeat("x", 300)},
		}}
		return m
	}
	r.net.set(vpcServer, broken)
	r.net.set(uplinkServer, broken)
	for name, want := range map[string]int{privateHost: dns.RcodeSuccess, "www.example.com": dns.RcodeServerFailure} {
		if m := r.lookup(t, name, dns.TypeTXT); m.Rcode != want || len(m.Answer) != 0 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

// The text comes from errors of all sorts; the answer must still fit.
func TestTextOfAnExtendedError(t *testing.T) {
	r := newStubRig(t)
	r.cause = func() string { return "line one\n\tline two " + strings.Repeat("ö", 500) }
	m := r.lookup(t, privateHost, dns.TypeA)
	text := edeOf(m.IsEdns0()).ExtraText
	if !strings.HasPrefix(text, "line one line two ö") || len(text) > maxEDEText || strings.ContainsRune(text, '\uFFFD') {
		t.Errorf("text %q", text)
	}
	if m.Truncated {
		t.Error("truncated")
	}
}

func TestSpecialNames(t *testing.T) {
	r := newStubRig(t, func(o *StubOptions) { o.Config.Domains = []string{"."} })
	for _, tc := range []struct {
		name  string
		qtype uint16
		want  string // "" is no record
		rcode int
	}{
		{"localhost", dns.TypeA, "127.0.0.1", dns.RcodeSuccess},
		{"App.LocalHost", dns.TypeAAAA, "::1", dns.RcodeSuccess},
		{"localhost", dns.TypeTXT, "", dns.RcodeSuccess},
		{"1.0.0.127.in-addr.arpa", dns.TypePTR, "localhost.", dns.RcodeSuccess},
		{"1.0.0.127.in-addr.arpa", dns.TypeA, "", dns.RcodeSuccess},
		{"53.0.0.127.in-addr.arpa", dns.TypePTR, "", dns.RcodeNameError},
		{"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", dns.TypePTR, "localhost.", dns.RcodeSuccess},
		{"no.such.invalid", dns.TypeA, "", dns.RcodeNameError},
		{"hidden.onion", dns.TypeA, "", dns.RcodeNameError},
		{"_dns.resolver.arpa", dns.TypeSVCB, "", dns.RcodeSuccess},
	} {
		m := r.lookup(t, tc.name, tc.qtype)
		got := strings.Join(values(m, tc.qtype), " ")
		if m.Rcode != tc.rcode || got != tc.want {
			t.Errorf("%s: %s %q, want %s %q", tc.name, dns.RcodeToString[m.Rcode], got, dns.RcodeToString[tc.rcode], tc.want)
		}
		if tc.want == "" && (len(m.Ns) != 1 || m.Ns[0].Header().Rrtype != dns.TypeSOA) {
			t.Errorf("%s: no SOA in a negative answer", tc.name)
		}
	}
	if len(r.net.queries) != 0 {
		t.Errorf("forwarded %+v", r.net.queries)
	}
}

func FuzzStubQuery(f *testing.F) {
	for _, name := range []string{"www.example.com.", privateHost + ".", vpnHost + ".", `a\.amazonaws.com.`} {
		q := new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, true)
		raw, err := q.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw, true)
		f.Add(raw[:len(raw)-5], false)
	}
	f.Add([]byte{0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xC0, 0x0C, 0, 1, 0, 1}, true)
	r := newStubRig(f)
	f.Fuzz(func(t *testing.T, raw []byte, up bool) {
		r.SetPath(nil)
		if up {
			r.up()
		}
		r.net.reset()
		answer := r.send(raw, true)
		var m dns.Msg
		if answer != nil && m.Unpack(answer) != nil {
			t.Fatalf("the answer %x does not parse", answer)
		}
		for _, a := range r.net.queries {
			switch s := r.names.scope(wire(a.name)); {
			case s == scopePrivate && (a.server != vpcServer || a.device != "tun0"):
				t.Fatalf("private %q was asked of %s", a.name, a.server)
			case s != scopePrivate && a.server != uplinkServer:
				t.Fatalf("%q was asked of %s", a.name, a.server)
			}
		}
		if q := (&dns.Msg{}); answer != nil && len(m.Question) == 1 && q.Unpack(raw) == nil &&
			r.isPrivate(q.Question[0].Name) && (m.Rcode == dns.RcodeServerFailure || m.Rcode == dns.RcodeRefused) {
			t.Fatalf("private %q gets %s", q.Question[0].Name, dns.RcodeToString[m.Rcode])
		}
	})
}
