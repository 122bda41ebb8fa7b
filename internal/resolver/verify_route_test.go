package resolver

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestVerifierFindsAHijackAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		at := time.Now()
		r.kernel.take("10.0.20.107", "eth0")
		synctest.Wait()
		r.reports.is(t, status.Down, status.ReasonNoRoute, "10.0.20.107 would leave through eth0, not tun0")
		r.reports.fact(t, "private", false)
		r.mustDial(t, "")
		if took := time.Since(at); took > 0 {
			t.Errorf("found after %s", took)
		}
		r.kernel.give("10.0.20.107")
		synctest.Wait()
		r.reports.is(t, status.OK, status.ReasonPrivate, provedDetail)
		r.mustDial(t, "10.0.6.105:8883 10.0.20.107:8883")
		r.end(t)
	})
}

func TestVerifierCountsALossThatTheLinkRepairs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		pass(time.Minute)
		before := r.reports.count()
		r.whenRouting(func() error { r.kernel.give("10.0.6.105"); return nil })
		r.kernel.take("10.0.6.105", "eth0")
		synctest.Wait()
		if got, want := r.reports.states(before), []status.State{status.Down, status.OK}; !slices.Equal(got, want) {
			t.Errorf("went through %v, want %v", got, want)
		}
		r.end(t)
	})
}

func TestVerifierSaysWhyTheLinkMakesNoRoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.whenRouting(func() error { return errTest })
		r.kernel.taken[mustAddrs("10.0.6.105")[0]] = "wlan0"
		r.vpc.answers("10.0.6.105")
		r.start(t)
		r.probe(t)
		want := fmt.Sprintf("10.0.6.105 would leave through wlan0, not tun0; %v", errTest)
		r.reports.is(t, status.Down, status.ReasonNoRoute, want)
		r.end(t)
	})
}

func TestVerifierTriesTheLinkAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.kernel.taken[mustAddrs("10.0.6.105")[0]] = "wlan0"
		r.vpc.answers("10.0.6.105")
		r.os(nil, "10.0.6.105")
		r.start(t)
		r.probe(t)
		pass(time.Hour)
		before := len(r.routes())
		if before < 10 {
			t.Errorf("asked for routes %d times in an hour", before)
		}
		r.whenRouting(func() error { r.kernel.give("10.0.6.105"); return nil })
		pass(routeRetryMax)
		r.reports.is(t, status.OK, status.ReasonPrivate, "private: 10.0.6.105")
		r.end(t)
	})
}

func TestVerifierDoesNotFightOverARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		// The link's own change is an event too, and another program answers it.
		r.whenRouting(func() error { r.kernel.fire(); return nil })
		r.kernel.take("10.0.6.105", "eth0")
		pass(10 * time.Minute)
		if n := len(r.routes()); n > 155 { // 1, 2, then every 4 s
			t.Errorf("asked for routes %d times in ten minutes", n)
		}
		r.end(t)
	})
}

func TestVerifierKeepsTheHoldWhileHijacked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newVerifyRig()
		r.proved(t)
		r.vpc.isSilent()
		r.probe(t)
		since := time.Now()
		r.kernel.take("10.0.6.105", "eth0")
		synctest.Wait()
		r.reports.is(t, status.Down, status.ReasonNoRoute, "10.0.6.105 would leave through eth0, not tun0")
		pass(3 * time.Minute)
		r.kernel.give("10.0.6.105")
		synctest.Wait()
		r.reports.is(t, status.Down, status.ReasonNoAddress, "no answer from 10.0.0.2 since "+timeOfDay(since))
		r.mustDial(t, "")
		r.end(t)
	})
}
