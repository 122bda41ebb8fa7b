package resolver

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/status"
)

// backWithin is what the chain's first user may wait for the dns stage once the
// resolver is well: the rest of the promised 5 s is for what comes after it.
const backWithin = 3500 * time.Millisecond

// peek is how exact that is known, longer than a round trip.
const peek = 25 * time.Millisecond

// wrongs are the ways in which an answer is not as it should be.
var wrongs = map[string]func(*fakeVPC){
	"silent": (*fakeVPC).isSilent, "refusing": (*fakeVPC).refuses,
	"SERVFAIL": func(f *fakeVPC) { f.fails(dns.RcodeServerFailure) },
	"no name":  func(f *fakeVPC) { f.fails(dns.RcodeNameError) },
	"public":   func(f *fakeVPC) { f.answersFor(60, "198.51.100.80") },
}

// seekRig is a stage whose link probes as an OpenVPN link does while the resolver
// is silent.
func seekRig(t *testing.T, servers ...string) *stageRig {
	r := newStageRig()
	path := tun0(servers...)
	r.path = &path
	r.vpc.answers("10.0.6.105")
	r.start(t)
	pass(roundTrip)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	go func() {
		for ctx.Err() == nil {
			_, _ = r.prober.Probe(ctx, path)
			_ = waitFor(ctx, r.options.Probe.SuspectInterval, nil)
		}
	}()
	return r
}

// untilOK returns how long it takes from now until the stage is ok.
func (r *stageRig) untilOK(t *testing.T) time.Duration {
	t.Helper()
	began := time.Now()
	for r.reports.last().State != status.OK {
		if time.Since(began) > time.Minute {
			t.Fatalf("after a minute it says %+v", r.reports.last())
		}
		pass(peek)
	}
	return time.Since(began)
}

func TestStageSeesTheEndOfAnyOutage(t *testing.T) {
	for name, set := range wrongs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := seekRig(t)
				outages := []time.Duration{10 * time.Second, 90 * time.Second, 10 * time.Minute}
				if name == "refusing" { // the others differ in nothing that grows
					outages = append(outages, 3*time.Hour)
				}
				for _, outage := range outages {
					set(r.vpc)
					asked := r.vpc.questions()
					pass(outage)
					if n, most := r.vpc.questions()-asked, int(outage/(seekPause-seekJitter)+outage/r.options.Probe.SuspectInterval)+3; n > most {
						t.Errorf("in %s it asked %d times, want %d at most", outage, n, most)
					}
					r.vpc.answers("10.0.6.105")
					if took := r.untilOK(t); took > backWithin+peek {
						t.Errorf("after %s it took %s to be ok", outage, took)
					}
					pass(time.Minute)
				}
				r.end(t)
			})
		})
	}
}

// The world's TTL for the endpoint's name, 60 s, does not rule how soon a fault is
// seen: with 10 s for asking others the link may be named 38 s after it.
func TestStageNoticesSoon(t *testing.T) {
	for name, set := range wrongs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				path := tun0("10.0.0.2", "10.0.1.2") // as in two zones
				r.path = &path
				r.vpc.answersFor(60, "10.0.6.105")
				r.start(t)
				pass(time.Hour)
				set(r.vpc)
				began := time.Now()
				for r.reports.last().State == status.OK && time.Since(began) < time.Minute {
					pass(10 * time.Millisecond)
				}
				if took := time.Since(began); took > 28*time.Second {
					t.Errorf("seen after %s", took)
				}
				r.end(t)
			})
		})
	}
}

// A link that is paid for by the byte is asked as rarely as before, however the
// resolver fails.
func TestStageSparesAMeteredLink(t *testing.T) {
	for name, set := range wrongs {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.options.Pace = func() time.Duration { return 10 * time.Minute }
				r.vpc.answers("10.0.6.105")
				r.start(t)
				pass(roundTrip)
				set(r.vpc)
				pass(time.Hour)
				for _, gap := range r.vpc.gaps(5) {
					if gap < r.options.Probe.SuspectInterval {
						t.Errorf("it asks every %s", gap)
					}
				}
				r.end(t)
			})
		})
	}
}

// What is over after a moment is known to be over.
func TestStageAsksAgainSoon(t *testing.T) {
	for name, set := range wrongs {
		if name == "silent" {
			continue // its first question alone takes longer
		}
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newStageRig()
				r.vpc.answersFor(0, "10.0.6.105")
				r.start(t)
				pass(roundTrip)
				set(r.vpc)
				pass(18750*time.Millisecond + 3*time.Second + 3*roundTrip)
				want := []time.Duration{time.Second + roundTrip, 2*time.Second + roundTrip}
				if got := r.vpc.gaps(2); !slices.Equal(got, want) {
					t.Errorf("asked again after %v, want %v", got, want)
				}
				r.end(t)
			})
		})
	}
}

// A connection that what was in the way has left broken may hang for seconds
// after the resolver is back.
func TestStageInsistsWhileAConnectionHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := seekRig(t)
		r.vpc.hangs = true
		for offset := range 20 {
			r.vpc.isSilent()
			pass(time.Minute + time.Duration(offset)*700*time.Millisecond)
			r.vpc.answers("10.0.6.105")
			if took := r.untilOK(t); took > backWithin+peek {
				t.Errorf("%d: it took %s to be ok", offset, took)
			}
			pass(time.Minute)
		}
		r.end(t)
	})
}

// TestStageFindsTheOneResolverThatIsBack: the other may be dead for good.
func TestStageFindsTheOneResolverThatIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := seekRig(t, "10.0.0.2", "10.0.1.2", "10.0.2.2")
		for _, back := range []string{"10.0.0.2", "10.0.1.2", "10.0.2.2"} {
			r.vpc.isSilent()
			pass(10 * time.Minute)
			if text := r.reports.last().Detail; r.reports.count() > 40 {
				t.Errorf("it says something new each time: %s", text)
			}
			good := netip.MustParseAddr(back)
			r.vpc.set(func(server netip.Addr) (*dns.Msg, error) {
				if server != good {
					return nil, os.ErrDeadlineExceeded
				}
				return replyWith(aQuery(), "10.0.6.105"), nil
			})
			if took := r.untilOK(t); took > backWithin+peek {
				t.Errorf("%s is back for %s before that is seen", back, took)
			}
		}
		r.end(t)
	})
}
