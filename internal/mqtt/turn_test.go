package mqtt

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"

	"edgeagent/internal/status"
)

// perSecond counts how many of the ids have their turn in each second of a
// window, and returns the largest.
func perSecond(ids []string) int {
	count := map[time.Duration]int{}
	for _, id := range ids {
		count[newTurn(id, len(ids)).offset/time.Second]++
	}
	most := 0
	for _, n := range count {
		most = max(most, n)
	}
	return most
}

func named(format string, n int, number func(i int) uint64) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf(format, number(i))
	}
	return ids
}

// However devices are named, no second of the window has more than 10 % over
// the 500 CONNECTs that the account takes.
func TestTurnsAreEven(t *testing.T) {
	const fleet = 100_000
	source := rand.New(rand.NewPCG(1, 2))
	tests := []struct {
		name string
		ids  []string
		most int
	}{
		{"numbered", named("gw-%d", fleet, func(i int) uint64 { return uint64(i) }), 455},
		{"numbered, from anywhere, padded", named("gw-%08d", fleet, func(i int) uint64 { return uint64(i + 31_415_926) }), 455},
		{"numbered by site", named("site-%d", fleet, func(i int) uint64 { return uint64(i/10*100 + i%10) }), 470},
		{"MAC addresses", named("gw-b827eb%06x", fleet, func(int) uint64 { return uint64(source.Uint32N(1 << 24)) }), 535},
		{"long serials", named("SN%015d", fleet, func(int) uint64 { return source.Uint64N(1e15) }), 535},
	}
	for _, tt := range tests {
		if most := perSecond(tt.ids); most > tt.most || most < turnRate {
			t.Errorf("%s: up to %d in a second, want %d at most", tt.name, most, tt.most)
		}
	}
}

func TestTurnComesOnceAWindowAndIsTheDevicesOwn(t *testing.T) {
	a := newTurn("gw-042", 90_000) // a window of 200 s
	if a.window != 200*time.Second {
		t.Fatalf("window %v", a.window)
	}
	now := time.Unix(1_800_000_000, 12345)
	first := a.next(now)
	if wait := first.Sub(now); wait < 0 || wait >= a.window {
		t.Errorf("waits %v", wait)
	}
	if again := a.next(first); !again.Equal(first) {
		t.Errorf("at its turn %v it waits until %v", first, again)
	}
	if after := a.next(first.Add(1)); after.Sub(first) != a.window {
		t.Errorf("the turn after %v is at %v", first, after)
	}
	if b := newTurn("gw-043", 90_000); b.next(now).Equal(first) {
		t.Errorf("two devices have the same turn, %v", first)
	}
}

// fleetOf is a device of a fleet with a window of 200 s.
func fleetOf(o *Options) { o.MQTT.Fleet = 90_000 }

func TestFirstConnectOfAFleetsDeviceIsImmediate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, fleetOf)
		start := time.Now()
		stop := r.run()
		synctest.Wait()
		if got := s.connectTimes(); len(got) != 1 || !got[0].Equal(start) {
			t.Errorf("CONNECTs at %v, want one at %v", got, start)
		}
		stop()
	})
}

func TestDeviceTakesItsTurnAfterThePathWasGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, fleetOf)
		stop := r.run()
		time.Sleep(time.Hour)
		stop() // as the chain does when the link goes
		back := time.Now()
		turn := r.session.pace.turn.next(back)
		stop = r.run()
		r.session.Prove() // nothing hurries it
		r.session.Recheck()
		all, _ := r.reports.list()
		for len(all) == 0 || all[len(all)-1].State != status.Starting {
			synctest.Wait()
			all, _ = r.reports.list()
		}
		want := "to iot.example.com, in turn with a fleet of 90000 (mqtt.fleet): at " + turn.Format(time.TimeOnly)
		if u := all[len(all)-1]; u.Detail != want {
			t.Errorf("detail %q, want %q", u.Detail, want)
		}
		time.Sleep(200 * time.Second)
		if got := s.connectTimes(); len(got) != 2 || !got[1].Equal(turn) {
			t.Errorf("the path is back at %v, CONNECTs at %v, want the second at %v", back, got, turn)
		}
		stop()
	})
}

func TestOwnLossWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, fleetOf, func(o *Options) { o.OwnLoss = func() bool { return true } })
		stop := r.run()
		time.Sleep(time.Hour)
		stop()
		back := time.Now()
		stop = r.run()
		time.Sleep(connectGap)
		if got := s.connectTimes(); len(got) != 2 || got[1].Sub(back) > connectGap {
			t.Errorf("the path is back at %v, CONNECTs at %v", back, got)
		}
		stop()
	})
}

// A single session that ends is no outage: the device is back as fast as
// without a fleet.
func TestOneLostSessionWaitsForNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, fleetOf)
		stop := r.run()
		time.Sleep(time.Hour)
		lost := time.Now()
		s.cut()
		time.Sleep(5 * time.Second)
		if got := s.connectTimes(); len(got) != 2 || got[1].Sub(lost) > 2*time.Second {
			t.Errorf("lost at %v, CONNECTs at %v", lost, got)
		}
		stop()
	})
}

// Refused out of turn: in turn. Refused in turn: soon again, a few times, then
// in turn, but no sooner than the back-off says.
func TestRefusedDeviceTakesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket], fleetOf)
		turn := r.session.pace.turn
		stop := r.run()
		time.Sleep(2 * time.Hour)
		stop()
		got := s.connectTimes()
		if least, most := 1+18*(1+turnTries), 1+36*(1+turnTries); len(got) < least || len(got) > most {
			t.Fatalf("%d CONNECTs in two hours with 36 turns, want %d to %d", len(got), least, most)
		}
		for i, at := range got[1:] {
			gap := at.Sub(got[i])
			switch again := i % (1 + turnTries); {
			case again == 0 && !at.Equal(turn.next(at)):
				t.Errorf("CONNECT %d at %v is not in turn", i+1, at)
			case again > 0 && (gap < connectGap || gap > turn.window/turnAgain):
				t.Errorf("CONNECT %d comes %v after the one before", i+1, gap)
			}
		}
	})
}

// In a small fleet the turn comes every few seconds: who is refused for good must
// not come each time.
func TestRefusalsInASmallFleetBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, closing[*packets.ConnectPacket], func(o *Options) { o.MQTT.Fleet = 900 })
		stop := r.run()
		time.Sleep(10 * time.Hour)
		stop()
		if n := len(s.connectTimes()); n > 1200 { // four each 2.5 min
			t.Errorf("%d CONNECTs in 10 h", n)
		}
	})
}

func TestWithoutAFleetNothingWaitsForATurn(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := NewPace("gw-042", 0, all)
	p.Began(now)
	p.Resume(now.Add(time.Hour), false)
	if at := p.Next(now.Add(time.Hour)); !at.Equal(now.Add(time.Hour)) {
		t.Errorf("the path is back, and the device waits %v", at.Sub(now.Add(time.Hour)))
	}
	p.Failed(now, RetryCrowd, 0)
	if p.pause != backoffMin || !p.due.IsZero() {
		t.Errorf("refused once: pause %v, due %v", p.pause, p.due)
	}
}
