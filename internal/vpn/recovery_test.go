package vpn

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// The times of every rung, as they reach OpenVPN. The server never answers;
// OpenVPN's own restarts are left out here: only the ladder acts.
func TestLadderTakesEachRungAtItsTime(t *testing.T) {
	tests := []struct {
		name     string
		recovery config.Recovery
		want     []event
	}{
		{"defaults", config.Default().Recovery, []event{
			{0, "start"},
			{1 * time.Minute, "signal SIGUSR1"},
			{5 * time.Minute, "signal SIGHUP"},
			{10 * time.Minute, "start"},
			{20*time.Minute + time.Second, "start"}, // the chain's pause, then all over again
			{21*time.Minute + time.Second, "signal SIGUSR1"},
		}},
		{"configured", config.Recovery{OpenVPNSoft: 10 * time.Second, OpenVPNProcess: 2 * time.Minute}, []event{
			{0, "start"},
			{10 * time.Second, "signal SIGUSR1"},
			{2 * time.Minute, "start"},
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.Recovery = tt.recovery })
				w.engine.set(func(e *fakeEngine) { e.server = silent })
				w.start()
				time.Sleep(22 * time.Minute)
				if got := w.engine.noted("start", "signal"); !slices.Equal(got, tt.want) {
					t.Errorf("\n got %v\nwant %v", got, tt.want)
				}
			})
		})
	}
}

func TestLadderSaysWhatItDoesAndWhatComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		w.engine.current().say(">STATE:1795295778,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
		w.expect(status.Down, status.ReasonNoAnswer, "203.0.113.10:443 does not answer; the uplink is there (eth0 via 192.168.50.1)")
		lost := time.Now()
		time.Sleep(61 * time.Second)
		next := lost.Add(5 * time.Minute)
		w.expect(status.Down, status.ReasonRecovering, "reconnect at "+lost.Add(time.Minute).Format(time.TimeOnly)+"; next: reread the configuration at "+next.Format(time.TimeOnly))
		f := w.last().Facts
		if f["recovery"] != "reconnect" || f["recovery_next"] != "reread the configuration" || f["recovery_next_at"] != next.UTC().Format(time.RFC3339) {
			t.Errorf("facts %v", f)
		}
		// News of the cause outrank what is being done about it.
		w.engine.current().say(">STATE:1795295778,RECONNECTING,server_poll,,,,,", ">HOLD:Waiting for hold release:1")
		w.expect(status.Down, status.ReasonNoAnswer, "does not answer")
		w.engine.set(func(e *fakeEngine) { e.server = answering })
		time.Sleep(time.Minute)
		w.expect(status.OK, status.ReasonConnected, "")
		if f := w.last().Facts; f["recovery"] != nil || f["recovery_next"] != nil {
			t.Errorf("facts after recovery %v", f)
		}
	})
}

func TestLadderIsNotClimbedForWhatItCannotMend(t *testing.T) {
	tests := []struct {
		name string
		set  func(*world)
		want status.Reason
	}{
		{"refused", func(w *world) { w.engine.server = rejecting }, status.ReasonAuthFailed},
		{"no name", func(w *world) { w.addrs = nil }, status.ReasonNoName},
		{"no uplink", func(w *world) { w.addrs = nil; w.kernel.change(func(v *view) { v.routes = nil }) }, status.ReasonNoUplink},
		{"bad file", func(w *world) { w.engine.text = "dev tap\n" }, status.ReasonBadConfig},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				tt.set(w)
				w.start()
				time.Sleep(time.Hour)
				w.expect(status.Down, tt.want, "")
				if got := w.engine.noted("signal"); len(got) != 0 {
					t.Errorf("OpenVPN was sent %v", got)
				}
				if got := w.engine.noted("start"); len(got) > 1 {
					t.Errorf("OpenVPN was started at %v", got)
				}
			})
		})
	}
}

func TestBackoffGrowsWithFullJitter(t *testing.T) {
	for try, ceiling := range []time.Duration{0, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, 30 * time.Second, 30 * time.Second} {
		low, high := time.Hour, time.Duration(0)
		for range 300 {
			b := backoff{base: connectBase, limit: connectMax, tries: try}
			d := b.next()
			low, high = min(low, d), max(high, d)
		}
		if high > ceiling || ceiling > 0 && (high < ceiling*8/10 || low > ceiling*2/10) {
			t.Errorf("try %d: pauses from %v to %v, want all of 0..%v", try+1, low, high, ceiling)
		}
	}
}
