package resolver

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestVerifierNamesALeak(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		addrs  []string
		detail string
		doubt  bool // it must be seen twice
	}{
		"public":          {nil, []string{"198.51.100.80"}, "other programs on this device get 198.51.100.80", false},
		"mixed":           {nil, []string{"10.0.6.105", "198.51.100.80", "10.0.20.107"}, "other programs on this device get 198.51.100.80", false},
		"another private": {nil, []string{"10.0.9.9"}, "other programs on this device get 10.0.9.9, not 10.0.6.105, 10.0.20.107", true},
		"fewer":           {nil, []string{"10.0.6.105"}, "other programs on this device get 10.0.6.105, not 10.0.6.105, 10.0.20.107", true},
		"no answer":       {errTest, nil, "other programs on this device get no answer: " + errTest.Error(), true},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newVerifyRig()
				r.os(tc.err, tc.addrs...)
				r.proved(t)
				if tc.doubt {
					r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
					r.reports.fact(t, "os_agrees", nil)
					pass(15 * time.Second)
				}
				r.reports.is(t, status.Degraded, status.ReasonLeak, tc.detail)
				r.reports.fact(t, "os_agrees", false)
				if hint := r.reports.last().Hint; hint != "" {
					t.Errorf("hint %q for a name under resolver.domains", hint)
				}
				r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
				asked := r.lookups()
				pass(10 * time.Minute)
				if n := r.lookups() - asked; n != 10 {
					t.Errorf("the OS was asked %d times in ten minutes of a known leak", n)
				}
				r.os(nil, "10.0.20.107", "10.0.6.105")
				pass(time.Minute)
				r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
				r.reports.fact(t, "os_agrees", true)
				r.end(t)
			})
		})
	}
}

func TestVerifierDoesNotTakeOneLostPacketForALeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		for range 3 {
			r.os(errTest)
			for asked := r.lookups(); r.lookups() == asked; {
				pass(time.Second)
			}
			r.os(nil, "10.0.6.105", "10.0.20.107")
			pass(time.Minute)
		}
		if got, want := r.reports.states(1), []status.State{status.OK}; !slices.Equal(got, want) {
			t.Errorf("went through %v", got)
		}
		r.end(t)
	})
}

func TestVerifierHintsAtTheDomains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.options.Domains = []string{"example.internal"}
		r.os(nil, "198.51.100.80")
		r.proved(t)
		if hint := r.reports.last().Hint; !strings.Contains(hint, "`resolver.domains`: "+testHost) {
			t.Errorf("hint %q", hint)
		}
		r.end(t)
	})
}

func TestVerifierAsksTheOSSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		for range 60 {
			pass(time.Minute)
			r.probe(t)
		}
		if n := r.lookups(); n < 10 || n > 13 {
			t.Errorf("%d lookups in an hour of agreement", n)
		}
		r.end(t)
	})
}

func TestVerifierAsksTheOSWhenTheHostChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.mode = config.HostNone
		r.os(nil, "198.51.100.80")
		r.proved(t)
		pass(time.Hour)
		if n := r.lookups(); n != 0 {
			t.Errorf("%d private questions to a public server", n)
		}
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.reports.fact(t, "os_agrees", nil)
		r.setMode(config.HostFile)
		r.reports.is(t, status.Degraded, status.ReasonLeak, "other programs on this device get 198.51.100.80")
		r.os(nil, "10.0.6.105", "10.0.20.107")
		r.setMode(config.HostResolved)
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.end(t)
	})
}

func TestVerifierDoesNotAskTheOSInDoubt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.options.Probe.Hold = time.Hour
		r.proved(t)
		asked := r.lookups()
		r.vpc.isSilent()
		r.probe(t)
		pass(30 * time.Minute)
		if n := r.lookups(); n != asked {
			t.Errorf("%d lookups without a fresh answer to compare with", n-asked)
		}
		r.end(t)
	})
}

func TestVerifierDoesNotWaitForTheOS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		var took []time.Duration
		r.options.OSLookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			if host != testHost {
				t.Errorf("asked for %q", host)
			}
			at := time.Now()
			<-ctx.Done()
			took = append(took, time.Since(at))
			return nil, ctx.Err()
		}
		r.proved(t)
		r.vpc.answers("198.51.100.80")
		r.probe(t)
		r.reports.is(t, status.Down, status.ReasonPublic, "closed: 10.0.0.2 answers 198.51.100.80, not private")
		pass(osTimeout)
		// What came too late for the first proof does not count for the second.
		r.vpc.answers("10.0.6.105", "10.0.20.107")
		r.probe(t)
		pass(osTimeout)
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.end(t)
		if want := []time.Duration{osTimeout, osTimeout}; !slices.Equal(took, want) {
			t.Errorf("lookups took %v, want %v", took, want)
		}
	})
}
