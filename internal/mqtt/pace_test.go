package mqtt

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/status"
)

// all is the jitter that takes the whole window.
func all(d time.Duration) time.Duration { return d }

func TestFirstConnectIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		start := time.Now()
		stop := r.run()
		synctest.Wait()
		if got := s.connectTimes(); len(got) != 1 || !got[0].Equal(start) {
			t.Errorf("CONNECTs at %v, want one at %v", got, start)
		}
		stop()
	})
}

// gaps returns the pauses between successive times.
func gaps(at []time.Time) []time.Duration {
	var all []time.Duration
	for i := 1; i < len(at); i++ {
		all = append(all, at[i].Sub(at[i-1]))
	}
	return all
}

func TestBackoffGrowsToItsCap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket])
		r.session.pace.jitter = all
		stop := r.run()
		time.Sleep(30 * time.Minute)
		got := gaps(s.connectTimes())
		want := []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 300, 300}
		for i := range want {
			if i >= len(got) || got[i] != want[i]*time.Second {
				t.Fatalf("pauses %v, want %v seconds and so on", got, want)
			}
		}
		stop()
	})
}

func TestJitterIsFullAndConnectsNeverBeatTheQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket])
		stop := r.run()
		time.Sleep(12 * time.Hour)
		got := gaps(s.connectTimes())
		if least := slices.Min(got); least < connectGap {
			t.Errorf("two CONNECTs %v apart", least)
		}
		long := slices.DeleteFunc(got[10:], func(d time.Duration) bool { return d > backoffMax/2 })
		if n, of := len(long), len(got)-10; n < of/4 || n > of*3/4 {
			t.Errorf("%d of %d pauses are in the lower half of the window", n, of)
		}
		stop()
	})
}

func TestQuotaHoldsAcrossRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		for range 5 {
			stop := r.run()
			for n := len(s.connectTimes()); len(s.connectTimes()) == n; {
				time.Sleep(time.Millisecond)
			}
			stop()
		}
		for _, gap := range gaps(s.connectTimes()) {
			if gap < connectGap || gap > connectGap+10*time.Millisecond {
				t.Errorf("CONNECTs %v apart, want the least allowed", gap)
			}
		}
	})
}

func TestQuotaCountsFromTheConnectNotFromTheAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket])
		r.session.pace.jitter = func(time.Duration) time.Duration { return 0 }
		slow := sync.OnceFunc(func() { time.Sleep(4 * time.Second) })
		r.path.dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			slow()
			return s.dial(ctx, a)
		}
		stop := r.run()
		time.Sleep(10 * time.Second)
		if got := gaps(s.connectTimes()); slices.Min(got) < connectGap {
			t.Errorf("CONNECTs %v apart", got)
		}
		stop()
	})
}

func TestSessionThatLivedForgetsTheFailures(t *testing.T) {
	p := NewPace("gw-042", 0, nil)
	p.jitter = all
	for range 5 {
		p.Failed(time.Time{}, RetryBackoff, 0)
	}
	p.Failed(time.Time{}, RetryBackoff, livedFor)
	p.Failed(time.Time{}, RetryBackoff, 0)
	if p.pause != 2*backoffMin {
		t.Errorf("pause %v after the second failure since a session that lived", p.pause)
	}
}

func TestNewRunForgetsTheBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket])
		r.session.pace.jitter = all
		stop := r.run()
		time.Sleep(10 * time.Minute)
		stop()
		before := len(s.connectTimes())
		again := time.Now()
		stop = r.run()
		time.Sleep(3 * time.Second)
		got := s.connectTimes()[before:]
		if len(got) != 2 || !got[0].Equal(again) || got[1].Sub(got[0]) != backoffMin {
			t.Errorf("CONNECTs %v after the new Run", got)
		}
		stop()
	})
}

func TestSessionThatLivedIsReplacedFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		r.session.pace.jitter = all
		stop := r.run()
		time.Sleep(time.Hour)
		lost := time.Now()
		s.cut()
		time.Sleep(5 * time.Second)
		got := s.connectTimes()
		if len(got) != 2 || got[1].Sub(lost) > 2*time.Second {
			t.Errorf("lost at %v, CONNECTs at %v", lost, got)
		}
		if u := r.until(func(u status.Update) bool { return u.State == status.Starting && u.Detail != "to "+host }); u.Detail !=
			"10.0.6.105:8883 closed the session after 1 h 0 min; connecting again" {
			t.Errorf("detail %q", u.Detail)
		}
		stop()
	})
}

// refusing is a path on which nothing answers until it is open.
func refusing(r *rig, s *script) (open func()) {
	var isOpen atomic.Bool
	r.path.dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
		if !isOpen.Load() {
			return nil, errors.New("shut")
		}
		return s.dial(ctx, a)
	}
	return func() { isOpen.Store(true) }
}

func TestProveEndsAPauseForThePathsSake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		r.session.pace.jitter = all
		open := refusing(r, s)
		stop := r.run()
		time.Sleep(20 * time.Minute)
		open()
		back := time.Now()
		r.session.Prove()
		time.Sleep(2 * time.Second)
		if got := s.connectTimes(); len(got) != 1 || got[0].Sub(back) > connectGap {
			t.Errorf("the path is back at %v, CONNECTs at %v", back, got)
		}
		stop()
	})
}

func TestProveDoesNotHurryARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket])
		r.session.pace.jitter = all
		stop := r.run()
		time.Sleep(10 * time.Minute)
		before := len(s.connectTimes())
		for range 20 {
			r.session.Prove()
			r.session.Recheck()
			time.Sleep(time.Second)
		}
		if n := len(s.connectTimes()) - before; n != 0 {
			t.Errorf("%d CONNECTs on being told that the path is back, although the broker refuses", n)
		}
		stop()
	})
}

func TestAddressesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil)
		r.path.set("10.0.6.105:8883", "10.0.20.107:8883", "10.0.30.9:8883")
		r.path.dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			if a.Addr() == netip.MustParseAddr("10.0.6.105") {
				return nil, errors.New("no answer")
			}
			return s.dial(ctx, a)
		}
		stop := r.run()
		synctest.Wait()
		s.cut()
		time.Sleep(10 * time.Second)
		s.cut()
		time.Sleep(10 * time.Second)
		want := []string{"10.0.6.105:8883", "10.0.20.107:8883", "10.0.30.9:8883", "10.0.6.105:8883", "10.0.20.107:8883"}
		var got []string
		for _, a := range r.path.dials() {
			got = append(got, a.String())
		}
		if !slices.Equal(got, want) {
			t.Errorf("tried %v, want %v", got, want)
		}
		stop()
	})
}

func TestEveryAddressIsNamedWhenNoneAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := scripted(t, nil)
		r.path.set("10.0.6.105:8883", "10.0.20.107:8883")
		r.path.dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		start := time.Now()
		stop := r.run()
		u := r.down(status.ReasonUnreachable, "10.0.6.105:8883: no answer within 5s; 10.0.20.107:8883: no answer within 5s")
		if u.Facts["connects"] != 0 || time.Since(start) != 2*DialTimeout {
			t.Errorf("facts %v after %v", u.Facts, time.Since(start))
		}
		stop()
	})
}

func TestNoAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, _ := scripted(t, nil)
		r.path.set()
		stop := r.run()
		r.down(status.ReasonUnreachable, "no proved private address of "+host)
		stop()
	})
}
