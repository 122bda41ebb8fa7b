package resolver

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

func TestAClosedPathEndsTheAnswersOfTheLink(t *testing.T) {
	r := newStubRig(t)
	r.up()
	for range 2 {
		wantValues(t, r.lookup(t, privateHost, dns.TypeA), dns.TypeA, "10.0.20.107", "10.0.6.105")
	}
	r.lookup(t, "www.example.com", dns.TypeA)
	if n := len(r.net.queries); n != 2 {
		t.Fatalf("%d queries, want 2: the answers are cached", n)
	}
	r.SetPath(nil)
	wantNodata(t, r.lookup(t, privateHost, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "nothing from")
	r.lookup(t, "www.example.com", dns.TypeA)
	r.up()
	r.net.set(vpcServer, zone(privateHost+". 60 A 10.0.6.200"))
	wantValues(t, r.lookup(t, privateHost, dns.TypeA), dns.TypeA, "10.0.6.200")
	if n := len(r.net.names(uplinkServer)); n != 1 {
		t.Errorf("the uplink was asked %d times: its answers have nothing to do with the link", n)
	}
}

func TestAnEqualPathChangesNothing(t *testing.T) {
	r := newStubRig(t)
	r.up()
	r.lookup(t, privateHost, dns.TypeA)
	r.up()
	r.lookup(t, privateHost, dns.TypeA)
	if n := len(r.net.queries); n != 1 {
		t.Errorf("%d queries, want 1", n)
	}
	r.up(vpcServer2) // other servers may know another zone
	r.lookup(t, privateHost, dns.TypeA)
	if n := len(r.net.queries); n != 2 {
		t.Errorf("%d queries, want 2", n)
	}
}

// The caller may go on using its Path.
func TestSetPathKeepsACopy(t *testing.T) {
	r := newStubRig(t)
	p := Path{Device: "tun0", Servers: []netip.Addr{vpcServer.Addr()}}
	r.SetPath(&p)
	p.Device, p.Servers[0] = "eth0", uplinkServer.Addr()
	r.lookup(t, privateHost, dns.TypeA)
	if q := r.net.queries[0]; q.server != vpcServer || q.device != "tun0" {
		t.Errorf("asked %+v", q)
	}
}

func TestQueriesUnderWayEndWithThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.set(vpcServer, nil)
		r.up()
		start := time.Now()
		go func() {
			time.Sleep(time.Second)
			r.SetPath(nil)
		}()
		wantNodata(t, r.lookup(t, privateHost, dns.TypeA), dns.ExtendedErrorCodeNetworkError, "nothing from")
		if took := time.Since(start); took != time.Second {
			t.Errorf("answered after %s, the path closed after 1s", took)
		}
	})
}

func TestQueriesUnderWayMoveToTheNewPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.set(vpcServer, nil)
		r.up()
		go func() {
			time.Sleep(time.Second)
			r.net.set(vpcServer2, zone(privateHost+". 60 A 10.0.6.7"))
			r.SetPath(&Path{Link: "canal", Device: "wwan0", Servers: []netip.Addr{vpcServer2.Addr()}})
		}()
		wantValues(t, r.lookup(t, privateHost, dns.TypeA), dns.TypeA, "10.0.6.7")
	})
}

// An answer that was asked for on a path that is gone is nobody's any more.
func TestLateAnswersAreNotKept(t *testing.T) {
	r := newStubRig(t)
	r.up()
	k := key{name: wire(privateHost), qtype: dns.TypeA}
	epoch := r.cache.now()
	late := replyOf(message(t, dns.RcodeSuccess, privateHost+". 60 A 10.0.6.105"))
	late.private = true
	r.SetPath(nil)
	r.cache.put(k, late, epoch)
	if r.cache.get(k) != nil {
		t.Error("an answer from the old path was kept")
	}
	late.private = false
	r.cache.put(k, late, epoch)
	if r.cache.get(k) == nil {
		t.Error("an answer from the uplink was dropped with the path")
	}
}

func TestTheSameQuestionIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.delay = time.Second
		r.up()
		var asking sync.WaitGroup
		for i := range 20 {
			asking.Go(func() {
				q := new(dns.Msg).SetQuestion(privateHost+".", dns.TypeA)
				q.Id = uint16(i)
				wantValues(t, r.sendMsg(t, q), dns.TypeA, "10.0.20.107", "10.0.6.105")
			})
		}
		asking.Wait()
		if n := len(r.net.queries); n != 1 {
			t.Errorf("%d queries for one question", n)
		}
	})
}

func TestADeadServerCostsOneQueryOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.set(vpcServer2, zone("a.amazonaws.com. 60 A 10.0.0.1", "b.amazonaws.com. 60 A 10.0.0.2"))
		r.net.set(vpcServer, nil)
		r.up(vpcServer2)
		for _, tc := range []struct {
			name string
			want time.Duration
		}{{"a.amazonaws.com", hedgeAfter}, {"b.amazonaws.com", 0}} {
			start := time.Now()
			if m := r.lookup(t, tc.name, dns.TypeA); len(m.Answer) != 1 {
				t.Errorf("%s: %v", tc.name, m)
			}
			if took := time.Since(start); took != tc.want {
				t.Errorf("%s took %s, want %s", tc.name, took, tc.want)
			}
		}
		if n := len(r.net.names(vpcServer)); n != 1 {
			t.Errorf("the dead server was asked %d times", n)
		}
	})
}

func TestAServerThatFailsIsFollowedAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t, func(o *StubOptions) {
			o.Upstream = func() []netip.AddrPort { return []netip.AddrPort{uplinkOther, uplinkServer} }
		})
		r.net.set(uplinkOther, failing(dns.RcodeServerFailure))
		start := time.Now()
		wantValues(t, r.lookup(t, "www.example.com", dns.TypeA), dns.TypeA, "203.0.113.80")
		if took := time.Since(start); took != 0 {
			t.Errorf("took %s", took)
		}
	})
}

func TestNobodyAnswersInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		r.net.set(uplinkServer, nil)
		start := time.Now()
		m := r.lookup(t, "www.example.com", dns.TypeA)
		if took := time.Since(start); m.Rcode != dns.RcodeServerFailure || took != answerWithin {
			t.Errorf("%s after %s, want SERVFAIL after %s", dns.RcodeToString[m.Rcode], took, answerWithin)
		}
	})
}

// Packing a message writes to it, and the servers are asked at the same time.
func TestEachServerIsAskedWithACopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		asked := map[*dns.Msg]bool{}
		silent := askerFunc(func(ctx context.Context, q *dns.Msg) (*dns.Msg, error) {
			mu.Lock()
			asked[q] = true
			mu.Unlock()
			return nil, waitFor(ctx, silence, context.DeadlineExceeded)
		})
		ctx, cancel := context.WithTimeout(t.Context(), answerWithin)
		defer cancel()
		var p pool
		q := newQuestion(privateHost, dns.TypeA)
		if m, err := p.exchange(ctx, silent, q, []netip.AddrPort{vpcServer, vpcServer2}, "tun0", nil); err == nil {
			t.Errorf("answered %v", m)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(asked) != 2 || asked[q] {
			t.Errorf("%d messages for two servers, the original among them: %v", len(asked), asked[q])
		}
	})
}

type askerFunc func(context.Context, *dns.Msg) (*dns.Msg, error)

func (f askerFunc) Exchange(ctx context.Context, q *dns.Msg, _ netip.AddrPort, _ string) (*dns.Msg, error) {
	return f(ctx, q)
}
