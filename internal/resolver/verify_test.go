package resolver

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/status"
)

const provedDetail = "private: 10.0.6.105, 10.0.20.107"

func TestVerifierProvesPrivateAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.vpc.answers("10.0.20.107", "10.0.6.105")
		r.start(t)
		r.reports.is(t, status.Starting, status.ReasonConnecting, "no answer yet over tun0")
		r.mustDial(t, "")
		changed := r.verifier.Changed()
		r.probe(t)
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
		if !isClosed(changed) {
			t.Error("nobody is told of the addresses")
		}
		r.reports.fact(t, "host", testHost)
		r.reports.fact(t, "addresses", []string{"10.0.6.105", "10.0.20.107"})
		r.reports.fact(t, "private", true)
		r.reports.fact(t, "device", "tun0")
		r.reports.fact(t, "os_agrees", true)
		if got, want := r.routes(), []string{"10.0.6.105, 10.0.20.107"}; !slices.Equal(got, want) {
			t.Errorf("asked for routes %q", got)
		}
		r.end(t)
		r.mustDial(t, "")
	})
}

func TestVerifierIsReadyWithTheResultThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.vpc.answers("10.0.6.105", "10.0.20.107")
		r.probe(t)
		r.start(t)
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		if got, want := r.reports.states(0), []status.State{status.OK}; !slices.Equal(got, want) {
			t.Errorf("went through %v", got)
		}
		if n := r.vpc.questions(); n != 1 {
			t.Errorf("%d questions", n)
		}
		r.end(t)
	})
}

func TestVerifierClosesAtOnceOnAPublicAnswer(t *testing.T) {
	for name, addrs := range map[string][]string{
		"public": {"198.51.100.80"},
		"mixed":  {"10.0.6.105", "10.0.20.107", "198.51.100.80"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newVerifyRig()
				r.proved(t)
				at := time.Now()
				r.vpc.answers(addrs...)
				r.probe(t)
				r.reports.is(t, status.Down, status.ReasonPublic, "closed: 10.0.0.2 answers 198.51.100.80, not private")
				r.mustDial(t, "")
				r.reports.fact(t, "private", false)
				r.reports.fact(t, "addresses", addrTexts(sortAddrs(mustAddrs(addrs...))))
				if took := time.Since(at); took != roundTrip {
					t.Errorf("closed %s after the answer", took-roundTrip)
				}
				// Silence afterwards is no reason to believe what was true before.
				r.vpc.isSilent()
				r.probe(t)
				r.reports.is(t, status.Down, status.ReasonPublic, "closed: 10.0.0.2 answers 198.51.100.80, not private")
				r.vpc.answers("10.0.6.105", "10.0.20.107")
				r.probe(t)
				r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
				r.end(t)
			})
		})
	}
}

func TestVerifierWithdrawsBeforeItReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.vpc.answers("10.0.6.105")
		v := NewVerifier(r.options)
		v.kernel, r.verifier = r.kernel, v
		r.done = make(chan error, 1)
		go func() {
			r.done <- v.Run(t.Context(), func(u status.Update) {
				if n := len(v.Addresses()); n > 0 != u.State.Usable() {
					t.Errorf("while it says %s %d addresses may be dialled", u.State, n)
				}
				r.reports.report(u)
			})
		}()
		synctest.Wait()
		r.probe(t)
		r.kernel.take("10.0.6.105", "eth0")
		synctest.Wait()
		r.kernel.give("10.0.6.105")
		synctest.Wait()
		r.vpc.answers("198.51.100.80")
		r.probe(t)
		want := []status.State{status.Starting, status.OK, status.Down, status.OK, status.Down}
		if got := r.reports.states(0); !slices.Equal(got, want) {
			t.Errorf("went through %v, want %v", got, want)
		}
	})
}

// endpointFaults are the ways in which there is no address.
var endpointFaults = map[string]struct {
	set  func(*fakeVPC)
	text string
	said bool // the resolver works and says so
}{
	"silent":    {(*fakeVPC).isSilent, "no answer from 10.0.0.2", false},
	"refusing":  {(*fakeVPC).refuses, "10.0.0.2 refuses: no DNS server there", false},
	"SERVFAIL":  {func(f *fakeVPC) { f.fails(dns.RcodeServerFailure) }, "10.0.0.2 answers SERVFAIL", false},
	"no name":   {func(f *fakeVPC) { f.fails(dns.RcodeNameError) }, "10.0.0.2 does not know the endpoint's name", true},
	"no record": {func(f *fakeVPC) { f.answers() }, "10.0.0.2 has no A record for the endpoint's name", true},
}

func TestVerifierHoldsWithoutAnAnswer(t *testing.T) {
	for name, fault := range endpointFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newVerifyRig()
				r.proved(t)
				fault.set(r.vpc)
				r.probe(t)
				since := time.Now()
				held := fault.text + " since " + timeOfDay(since) +
					"; holding 10.0.6.105, 10.0.20.107 until " + timeOfDay(since.Add(2*time.Minute))
				r.reports.is(t, status.Degraded, status.ReasonNoAddress, held)
				r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
				r.probe(t) // more of the same does not prolong it
				pass(time.Until(since.Add(2*time.Minute)) - time.Nanosecond)
				r.reports.is(t, status.Degraded, status.ReasonNoAddress, held)
				pass(time.Nanosecond)
				r.reports.is(t, status.Down, status.ReasonNoAddress, fault.text+" since "+timeOfDay(since))
				r.mustDial(t, "")
				r.vpc.answers("10.0.6.105", "10.0.20.107")
				r.probe(t)
				r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
				r.end(t)
			})
		})
	}
}

func TestVerifierForgetsABlipThatEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		for range 3 {
			r.vpc.isSilent()
			r.probe(t)
			pass(time.Minute)
			r.vpc.answers("10.0.6.105", "10.0.20.107")
			r.probe(t)
			pass(time.Minute)
		}
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		if got := r.reports.states(0); slices.Contains(got, status.Down) {
			t.Errorf("went through %v", got)
		}
		r.end(t)
	})
}

func TestVerifierWithoutAnAddressFromTheStart(t *testing.T) {
	for name, fault := range endpointFaults {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newVerifyRig()
				fault.set(r.vpc)
				r.start(t)
				r.probe(t)
				if fault.said {
					r.reports.is(t, status.Down, status.ReasonNoAddress, fault.text)
				} else {
					r.reports.is(t, status.Starting, status.ReasonConnecting, "no answer yet over tun0")
				}
				r.mustDial(t, "")
				r.end(t)
			})
		})
	}
}

func TestVerifierProvesNewAddressesAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		before, changed := r.reports.count(), r.verifier.Changed()
		r.whenRouting(func() error {
			r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
			r.kernel.give("10.0.7.9")
			return nil
		})
		r.kernel.take("10.0.7.9", "eth0") // no route of its own yet
		r.vpc.answers("10.0.6.105", "10.0.7.9")
		r.os(nil, "10.0.6.105", "10.0.7.9")
		r.probe(t)
		r.reports.is(t, status.OK, status.ReasonPrivate, "private: 10.0.6.105, 10.0.7.9")
		r.mustDial(t, "10.0.6.105:8883 10.0.7.9:8883")
		if got, want := r.reports.states(before), []status.State{status.OK}; !slices.Equal(got, want) {
			t.Errorf("went through %v", got)
		}
		if !isClosed(changed) {
			t.Error("nobody is told of the addresses")
		}
		if got := r.routes(); got[len(got)-1] != "10.0.6.105, 10.0.7.9" {
			t.Errorf("asked for routes %q", got)
		}
		r.end(t)
	})
}

func TestVerifierFollowsThePath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		renewed := tun0()
		renewed.Index++
		r.move(&renewed)
		r.reports.is(t, status.Starting, status.ReasonConnecting, "no answer yet over tun0")
		r.mustDial(t, "")
		r.probe(t) // over the old device
		r.mustDial(t, "")
		if _, err := r.prober.Probe(t.Context(), renewed); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.move(nil)
		r.reports.is(t, status.Down, status.ReasonNoRoute, "the link carries no path")
		r.mustDial(t, "")
		r.end(t)
	})
}

func TestVerifierEndsWhenItIsBlind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.kernel.err = errTest
		r.start(t)
		if err := <-r.done; !errors.Is(err, errTest) {
			t.Errorf("ended with %v", err)
		}
		r.kernel.err = nil
		r.proved(t)
		close(r.kernel.events)
		if err := <-r.done; err == nil {
			t.Error("goes on without seeing route changes")
		}
		r.mustDial(t, "")
	})
}
