package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

const testHost = "xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com"

// transport answers on one transport of a real server; nil is silence.
type transport func(w dns.ResponseWriter, q *dns.Msg)

// realServer serves both transports on one loopback port; without a TCP
// transport the port is closed to TCP.
func realServer(t *testing.T, udp, tcp transport) netip.AddrPort {
	t.Helper()
	pc, l := samePort(t)
	serveDNS(t, &dns.Server{PacketConn: pc, Handler: handler(udp)})
	if tcp == nil {
		l.Close()
	} else {
		serveDNS(t, &dns.Server{Listener: l, Handler: handler(tcp)})
	}
	return pc.LocalAddr().(*net.UDPAddr).AddrPort()
}

// samePort listens on a port that is free for UDP and for TCP.
func samePort(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 100 {
		pc, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if l, err := net.Listen("tcp4", pc.LocalAddr().String()); err == nil {
			return pc, l
		}
		pc.Close()
	}
	t.Fatal("no port is free for both UDP and TCP")
	return nil, nil
}

func handler(f transport) dns.HandlerFunc {
	return func(w dns.ResponseWriter, q *dns.Msg) {
		if f != nil {
			f(w, q)
		}
	}
}

func serveDNS(t *testing.T, s *dns.Server) {
	t.Helper()
	started, ended := make(chan struct{}), make(chan error, 1)
	s.NotifyStartedFunc = func() { close(started) }
	go func() { ended <- s.ActivateAndServe() }()
	<-started
	t.Cleanup(func() {
		_ = s.Shutdown()
		if err := <-ended; err != nil {
			t.Errorf("the server ended: %v", err)
		}
	})
}

func replyWith(q *dns.Msg, addrs ...string) *dns.Msg {
	m := new(dns.Msg).SetReply(q)
	for _, a := range addrs {
		m.Answer = append(m.Answer, &dns.A{
			Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60},
			A:   net.ParseIP(a),
		})
	}
	return m
}

func answerWith(addrs ...string) transport {
	return func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(replyWith(q, addrs...)) }
}

func truncated(w dns.ResponseWriter, q *dns.Msg) {
	m := replyWith(q)
	m.Truncated = true
	_ = w.WriteMsg(m)
}

func aQuery() *dns.Msg { return new(dns.Msg).SetQuestion(dns.Fqdn(testHost), dns.TypeA) }

// soon makes silence short; nothing depends on how short.
func soon() *Client {
	return &Client{UDPTimeout: 200 * time.Millisecond, TCPTimeout: 200 * time.Millisecond}
}

// patient is for exchanges that must not end by a timeout on a busy machine.
func patient() *Client { return &Client{UDPTimeout: time.Minute, TCPTimeout: time.Minute} }

func TestExchangeRestoresTheIDItHides(t *testing.T) {
	var onWire atomic.Uint32
	server := realServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		onWire.Store(uint32(q.Id))
		answerWith("10.0.6.105")(w, q)
	}, nil)
	q := aQuery()
	ids := map[uint32]bool{}
	for range 3 {
		r, err := patient().Exchange(t.Context(), q, server, "")
		if err != nil {
			t.Fatal(err)
		}
		if r.Id != q.Id || len(r.Answer) != 1 {
			t.Errorf("answer to id %d: %v", q.Id, r)
		}
		ids[onWire.Load()] = true
	}
	if len(ids) == 1 {
		t.Errorf("all three queries went out under id %v", ids)
	}
}

func TestExchangeFallsBackToTCP(t *testing.T) {
	for name, udp := range map[string]transport{"truncated": truncated, "silent": nil} {
		t.Run(name, func(t *testing.T) {
			server := realServer(t, udp, answerWith("10.0.6.105", "10.0.20.107"))
			client := &Client{UDPTimeout: 200 * time.Millisecond, TCPTimeout: time.Minute}
			r, err := client.Exchange(t.Context(), aQuery(), server, "")
			if err != nil {
				t.Fatal(err)
			}
			if len(r.Answer) != 2 || r.Truncated {
				t.Errorf("not TCP's answer: %v", r)
			}
		})
	}
}

func TestExchangeTellsWhyThereIsNoAnswer(t *testing.T) {
	mute := func(dns.ResponseWriter, *dns.Msg) {}
	const short, long = 200 * time.Millisecond, time.Minute // short where silence is waited for
	for name, tc := range map[string]struct {
		server   netip.AddrPort
		udp, tcp time.Duration
		want     error
	}{
		"silent":                 {realServer(t, mute, mute), short, short, os.ErrDeadlineExceeded},
		"silent, TCP refused":    {realServer(t, mute, nil), short, long, syscall.ECONNREFUSED},
		"refused":                {netip.MustParseAddrPort("127.0.0.1:1"), long, long, syscall.ECONNREFUSED},
		"truncated, TCP refused": {realServer(t, truncated, nil), long, long, ErrTruncated},
		"truncated, TCP silent":  {realServer(t, truncated, mute), long, short, ErrTruncated},
	} {
		t.Run(name, func(t *testing.T) {
			client := &Client{UDPTimeout: tc.udp, TCPTimeout: tc.tcp}
			r, err := client.Exchange(t.Context(), aQuery(), tc.server, "")
			if !errors.Is(err, tc.want) {
				t.Errorf("got %v, %v; want %v", r, err, tc.want)
			}
		})
	}
}

func TestExchangeSkipsWhatDoesNotMatch(t *testing.T) {
	forged := func(change func(m *dns.Msg)) transport {
		return func(w dns.ResponseWriter, q *dns.Msg) {
			m := replyWith(q, "198.51.100.80")
			change(m)
			_ = w.WriteMsg(m)
			_ = w.WriteMsg(replyWith(q, "10.0.6.105"))
		}
	}
	for name, udp := range map[string]transport{
		"id":        forged(func(m *dns.Msg) { m.Id++ }),
		"name":      forged(func(m *dns.Msg) { m.Question[0].Name = "other.example." }),
		"type":      forged(func(m *dns.Msg) { m.Question[0].Qtype = dns.TypeAAAA }),
		"class":     forged(func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }),
		"questions": forged(func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }),
		"none":      forged(func(m *dns.Msg) { m.Question = nil }),
		"no error":  forged(func(m *dns.Msg) { m.Question, m.Rcode = nil, dns.RcodeServerFailure }),
		"a query":   forged(func(m *dns.Msg) { m.Response = false }),
		"opcode":    forged(func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }),
		"garbage": func(w dns.ResponseWriter, q *dns.Msg) {
			_, _ = w.Write([]byte("no DNS message at all"))
			_, _ = w.Write([]byte{0})
			_ = w.WriteMsg(replyWith(q, "10.0.6.105"))
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := patient().Exchange(t.Context(), aQuery(), realServer(t, udp, nil), "")
			if err != nil {
				t.Fatal(err)
			}
			if addrs, _ := addressesOf(r, testHost); joinAddrs(addrs) != "10.0.6.105" {
				t.Errorf("took the forged answer: %v", r)
			}
		})
	}
}

func TestExchangeTakesAnErrorWithoutQuestion(t *testing.T) {
	server := realServer(t, func(w dns.ResponseWriter, q *dns.Msg) {
		m := new(dns.Msg).SetRcode(q, dns.RcodeFormatError)
		m.Question = nil
		_ = w.WriteMsg(m)
	}, nil)
	r, err := patient().Exchange(t.Context(), aQuery(), server, "")
	if err != nil || r.Rcode != dns.RcodeFormatError {
		t.Errorf("got %v, %v", r, err)
	}
}

func TestExchangeEndsWithItsContext(t *testing.T) {
	asked := make(chan struct{})
	server := realServer(t, func(dns.ResponseWriter, *dns.Msg) { close(asked) }, nil)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	if _, err := patient().Exchange(ctx, aQuery(), server, ""); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestExchangeRefusesAnUnknownDevice(t *testing.T) {
	server := realServer(t, answerWith("10.0.6.105"), nil)
	_, err := patient().Exchange(t.Context(), aQuery(), server, "eavf-none")
	if !errors.Is(err, syscall.ENODEV) && !errors.Is(err, syscall.EPERM) {
		t.Errorf("went out without the device: %v", err)
	}
}

func FuzzMatches(f *testing.F) {
	seed, _ := replyWith(aQuery(), "10.0.6.105").Pack()
	f.Add(seed)
	f.Add(seed[:12])
	q := aQuery()
	f.Fuzz(func(t *testing.T, data []byte) {
		m := new(dns.Msg)
		if m.Unpack(data) != nil || !matches(m, q) {
			return
		}
		if m.Id != q.Id || !m.Response {
			t.Errorf("took %v for an answer", m)
		}
		if len(m.Question) == 0 && len(m.Answer) > 0 {
			t.Errorf("took an answer to no question: %v", m)
		}
	})
}
