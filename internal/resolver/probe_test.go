package resolver

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

func TestProbeTellsLifeFromSilence(t *testing.T) {
	for name, tc := range map[string]struct {
		set   func(*fakeVPC)
		alive bool
	}{
		"an answer":   {func(f *fakeVPC) { f.answers("10.0.6.105") }, true},
		"no name":     {func(f *fakeVPC) { f.fails(dns.RcodeNameError) }, true},
		"SERVFAIL":    {func(f *fakeVPC) { f.fails(dns.RcodeServerFailure) }, true},
		"closed port": {func(f *fakeVPC) { f.refuses() }, true},
		"silence":     {func(f *fakeVPC) { f.isSilent() }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				vpc := &fakeVPC{}
				tc.set(vpc)
				p := newFakeProber(vpc)
				changed := p.Changed()
				rtt, err := p.Probe(t.Context(), tun0())
				switch {
				case tc.alive && (err != nil || rtt != roundTrip):
					t.Errorf("got %s, %v", rtt, err)
				case !tc.alive && !errors.Is(err, os.ErrDeadlineExceeded):
					t.Errorf("silence is %v", err)
				}
				if !isClosed(changed) {
					t.Error("nobody is told of the result")
				}
				if r := p.Last(); r.At != time.Now() || !r.Path.same(tun0()) {
					t.Errorf("last is %+v", r)
				}
			})
		})
	}
}

func TestProbeKeepsWhatTheAnswerSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		vpc.answersFor(45, "10.0.20.107", "10.0.6.105")
		p := newFakeProber(vpc)
		if _, err := p.Probe(t.Context(), tun0()); err != nil {
			t.Fatal(err)
		}
		r := p.Last()
		if joinAddrs(r.Addresses) != "10.0.6.105, 10.0.20.107" || r.TTL != 45*time.Second ||
			r.Server != netip.MustParseAddr("10.0.0.2") || r.RTT != roundTrip || r.Err != nil {
			t.Errorf("got %+v", r)
		}
	})
}

func TestProbeTriesServersTheLastGoodFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		p := newFakeProber(vpc)
		path := tun0("10.0.0.2", "10.0.0.3", "10.0.0.4")
		probe := func() []netip.Addr {
			before := vpc.questions()
			if _, err := p.Probe(t.Context(), path); err != nil {
				t.Fatal(err)
			}
			return vpc.servers()[before:]
		}
		only := func(good string) {
			vpc.set(func(s netip.Addr) (*dns.Msg, error) {
				if s == netip.MustParseAddr(good) {
					return replyWith(aQuery(), "10.0.6.105"), nil
				}
				return new(dns.Msg).SetRcode(aQuery(), dns.RcodeServerFailure), nil
			})
		}
		for _, step := range []struct{ good, want string }{
			{"10.0.0.3", "10.0.0.2, 10.0.0.3"},
			{"10.0.0.3", "10.0.0.3"},
			{"10.0.0.4", "10.0.0.3, 10.0.0.2, 10.0.0.4"},
			{"10.0.0.4", "10.0.0.4"},
		} {
			only(step.good)
			if got := joinAddrs(probe()); got != step.want {
				t.Errorf("with only %s good asked %s, want %s", step.good, got, step.want)
			}
		}
	})
}

func TestProbePrefersAnySignOfLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		vpc.set(func(s netip.Addr) (*dns.Msg, error) {
			if s == netip.MustParseAddr("10.0.0.2") {
				return new(dns.Msg).SetRcode(aQuery(), dns.RcodeServerFailure), nil
			}
			return nil, os.ErrDeadlineExceeded
		})
		p := newFakeProber(vpc)
		if _, err := p.Probe(t.Context(), tun0("10.0.0.2", "10.0.0.3")); err != nil {
			t.Errorf("a SERVFAIL came back, yet: %v", err)
		}
		if r := p.Last(); r.Rcode != dns.RcodeServerFailure || r.Err != nil {
			t.Errorf("kept %+v", r)
		}
	})
}

// A silent server holds the next one up no longer than a UDP answer may take.
func TestProbeDoesNotWaitForTCP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		vpc.set(func(s netip.Addr) (*dns.Msg, error) {
			if s == netip.MustParseAddr("10.0.0.2") {
				return nil, os.ErrDeadlineExceeded
			}
			return replyWith(aQuery(), "10.0.6.105"), nil
		})
		began := time.Now()
		if _, err := newFakeProber(vpc).Probe(t.Context(), tun0("10.0.0.2", "10.0.0.3")); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took != askApart+roundTrip {
			t.Errorf("it took %s", took)
		}
		vpc.isSilent()
		began = time.Now()
		if _, err := newFakeProber(vpc).Probe(t.Context(), tun0("10.0.0.2", "10.0.0.3", "10.0.0.4")); err == nil {
			t.Error("silence is taken for an answer")
		}
		if took := time.Since(began); took != 2*askApart+silence {
			t.Errorf("three silent servers took %s", took)
		}
		// A caller whose time is up has asked all the same.
		ctx, cancel := context.WithTimeout(t.Context(), 0)
		defer cancel()
		if _, err := newFakeProber(vpc).Probe(ctx, tun0()); errors.Is(err, errNoServers) {
			t.Errorf("got %v", err)
		}
	})
}

func TestProbeWithoutServers(t *testing.T) {
	p := newFakeProber(&fakeVPC{})
	if _, err := p.Probe(t.Context(), Path{Link: "canal", Device: "ppp0"}); !errors.Is(err, errNoServers) {
		t.Errorf("got %v", err)
	}
}

func TestProbesOfOneLinkShareOneQuestion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		vpc.answers("10.0.6.105")
		p := newFakeProber(vpc)
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() {
				if _, err := p.Probe(t.Context(), tun0()); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if n := vpc.questions(); n != 1 {
			t.Errorf("%d questions", n)
		}
	})
}

func TestProbeOutlivesTheOneItJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		p := newFakeProber(vpc)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := p.Probe(ctx, tun0()); !errors.Is(err, context.Canceled) {
				t.Errorf("the first: %v", err)
			}
		})
		synctest.Wait()
		wg.Go(func() {
			if _, err := p.Probe(t.Context(), tun0()); err != nil {
				t.Errorf("the second: %v", err)
			}
		})
		synctest.Wait()
		vpc.answers("10.0.6.105")
		cancel()
		wg.Wait()
		if r := p.Last(); r.seq != 1 || r.Err != nil {
			t.Errorf("the cancelled probe left %+v", r)
		}
	})
}

func TestProbeCountsATimeLimitAsSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newFakeProber(&fakeVPC{})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := p.Probe(ctx, tun0()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if p.Last().Err == nil || p.Last().At.IsZero() {
			t.Errorf("no trace of it: %+v", p.Last())
		}
	})
}

func TestProbesOfTwoLinksStayApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		vpc := &fakeVPC{}
		vpc.answers("10.0.6.105")
		p := newFakeProber(vpc)
		standby := Path{Link: "canal", Device: "ppp0", Index: 9, Servers: mustAddrs("10.0.9.2")}
		for _, path := range []Path{tun0(), standby} {
			if _, err := p.Probe(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}
		if r, ok := p.lastOver(tun0()); !ok || r.Server != netip.MustParseAddr("10.0.0.2") {
			t.Errorf("over tun0: %+v, %t", r, ok)
		}
		if r := p.Last(); r.Server != netip.MustParseAddr("10.0.9.2") {
			t.Errorf("last: %+v", r)
		}
		renewed := tun0()
		renewed.Index++
		if _, ok := p.lastOver(renewed); ok {
			t.Error("a result over the old device counts for the new one")
		}
	})
}

func TestPathSame(t *testing.T) {
	for name, change := range map[string]func(*Path){
		"link":    func(p *Path) { p.Link = "canal" },
		"device":  func(p *Path) { p.Device = "tun1" },
		"index":   func(p *Path) { p.Index++ },
		"address": func(p *Path) { p.Address = netip.MustParsePrefix("172.31.0.66/27") },
	} {
		p := tun0()
		change(&p)
		if p.same(tun0()) {
			t.Errorf("another %s is the same path", name)
		}
	}
	p := tun0()
	p.Servers = slices.Concat(p.Servers, mustAddrs("10.0.0.3"))
	if !p.same(tun0()) {
		t.Error("one server more makes another path")
	}
}
