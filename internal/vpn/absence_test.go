package vpn

import (
	"math/rand/v2"
	"testing"
	"time"

	"edgeagent/internal/config"
)

// ridden is what many links make of the same outage.
type ridden struct {
	kept         int
	downs, backs []time.Duration // since the cut; since the outage was over
}

func ride(t *testing.T, outage time.Duration) (r ridden) {
	t.Helper()
	from := time.Unix(1_800_000_000, 0)
	source := rand.New(rand.NewPCG(7, 7))
	random := func(d time.Duration) time.Duration { return time.Duration(source.Int64N(int64(d))) }
	for range 2000 {
		down, up, kept := Absence(config.Default(), from, outage, random)
		if kept {
			r.kept++
			continue
		}
		r.downs = append(r.downs, down.Sub(from))
		r.backs = append(r.backs, up.Sub(from.Add(outage)))
	}
	return r
}

func (r ridden) check(t *testing.T, downs, backs [2]time.Duration) {
	t.Helper()
	for i := range r.downs {
		if d := r.downs[i]; d < downs[0] || d > downs[1] {
			t.Fatalf("called down after %v, want %v", d, downs)
		}
		if d := r.backs[i]; d < backs[0] || d > backs[1] {
			t.Fatalf("called up %v after the outage, want %v", d, backs)
		}
	}
}

func TestShortOutageIsRiddenOut(t *testing.T) {
	// Only a regular probe that fell into the first second makes three in time.
	if r := ride(t, 10*time.Second); r.kept < 1980 {
		t.Errorf("%d of 2000 links were called down in 10 s", 2000-r.kept)
	}
}

// The health's own comment promises 18 s, a regular probe under way may add to
// that, and OpenVPN restarts by itself after 20 s.
func TestOutageIsNoticedBeforePingRestartAndEndsWithinAPause(t *testing.T) {
	r := ride(t, 3*time.Minute)
	if r.kept > 0 {
		t.Fatalf("%d links noticed nothing in 3 min", r.kept)
	}
	r.check(t, [2]time.Duration{11 * time.Second, pingRestart}, [2]time.Duration{handshakeTime, connectMax + 6*time.Second})
	restarts := 0
	for _, d := range r.downs {
		if d > 18100*time.Millisecond {
			restarts++
		}
	}
	if restarts > len(r.downs)/10 {
		t.Errorf("%d of %d links noticed it no sooner than OpenVPN itself", restarts, len(r.downs))
	}
	var late int
	for _, b := range r.backs {
		if b > 15*time.Second {
			late++
		}
	}
	if late < len(r.backs)/20 || late > len(r.backs)/2 {
		t.Errorf("%d of %d links come back after more than 15 s: that is no full jitter up to 30 s", late, len(r.backs))
	}
}

// What comes back while OpenVPN still holds on to its connection is up again
// without a new one.
func TestOutageThatOpenVPNOutlivesEndsByProbes(t *testing.T) {
	r := ride(t, 18*time.Second)
	if len(r.downs) == 0 {
		t.Fatal("nobody noticed")
	}
	r.check(t, [2]time.Duration{11 * time.Second, pingRestart}, [2]time.Duration{probeTime, 10 * time.Second})
}

// A rung that comes due just after the outage brings everybody back at once.
func TestRungEndsAPause(t *testing.T) {
	r := ride(t, config.Default().Recovery.OpenVPNProcess)
	r.check(t, [2]time.Duration{11 * time.Second, pingRestart}, [2]time.Duration{handshakeTime, 25 * time.Second})
}
