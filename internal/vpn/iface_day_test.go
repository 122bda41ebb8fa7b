package vpn

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// rungsOfDay writes events as "activate 1m0s" after the moment of the loss.
func rungsOfDay(events []event, from time.Duration) []string {
	out := []string{}
	for _, e := range events {
		out = append(out, fmt.Sprintf("%s %s", e.what, (e.at-from).Round(time.Second)))
	}
	return out
}

// A modem that is dead for three hours, whatever is done to it.
func TestDayOfADeadModem(t *testing.T) {
	for _, tt := range []struct {
		name   string
		reboot bool
		want   []string
	}{
		{"no reboot", false, []string{
			"activate 1m0s", "activate 2m0s", "activate 4m0s", "reenable 5m0s", "activate 8m0s", "reset 10m0s", "activate 16m0s",
			"modem-manager 20m0s", "usb 25m0s", "activate 32m0s", "activate 1h2m0s", "activate 1h32m0s", "activate 2h2m0s", "activate 2h32m0s",
		}},
		{"reboot allowed", true, []string{
			"activate 1m0s", "activate 2m0s", "activate 4m0s", "reenable 5m0s", "activate 8m0s", "reset 10m0s", "activate 16m0s",
			"modem-manager 20m0s", "usb 25m0s", "activate 32m0s", "reboot 1h0m0s", "activate 1h2m0s", "activate 1h32m0s", "activate 2h2m0s", "activate 2h32m0s",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeg(t, func(o *InterfaceOptions) { o.Recovery.Reboot = tt.reboot })
				l.up()
				time.Sleep(time.Hour)
				l.unplug("ppp0")
				time.Sleep(inspectEvery)
				lost := time.Since(l.began)
				l.expect(status.Down, status.ReasonInterfaceMissing, "none of ppp0, wwan0 exists (there: eth0)")
				time.Sleep(3*time.Hour - inspectEvery)
				l.plug("ppp0", 8, "10.64.1.2/32")
				time.Sleep(2 * time.Second)
				l.expect(status.OK, status.ReasonConnected, "")
				time.Sleep(day - time.Since(l.began))
				if got := rungsOfDay(l.modem.log(), lost); !slices.Equal(got, tt.want) {
					t.Errorf("\n got %q\nwant %q", got, tt.want)
				}
			})
		})
	}
}

// A link that comes and goes is never gone for long enough, or not often enough.
func TestDayOfAFlappingModem(t *testing.T) {
	for _, tt := range []struct {
		name     string
		up, down time.Duration
		want     map[string]int
	}{
		{"each 40 s", 40 * time.Second, 40 * time.Second, map[string]int{}},
		{"gone for 90 s, again and again", 40 * time.Second, 90 * time.Second, map[string]int{RungActivate: activateMost}},
		{"gone for 12 min", time.Minute, 12 * time.Minute, map[string]int{RungActivate: activateMost, RungReenable: reenableMost, RungReset: resetMost}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeg(t)
				l.up()
				for time.Since(l.began) < day-tt.up-tt.down {
					l.unplug("ppp0")
					time.Sleep(tt.down)
					l.plug("ppp0", 8, "10.64.1.2/32")
					time.Sleep(tt.up)
				}
				got := map[string]int{}
				for _, e := range l.modem.log() {
					got[e.what]++
				}
				if fmt.Sprint(got) != fmt.Sprint(tt.want) {
					t.Errorf("rungs %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// Nothing that is done to a modem puts another SIM into it.
func TestDayOfARefusedSIM(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		l.modem.set(func(m *fakeModem) {
			m.refused = &cause{status.ReasonSIMLocked, "the SIM asks for its PUK", "", slow}
		})
		l.unplug("ppp0")
		time.Sleep(inspectEvery + time.Second)
		l.expect(status.Down, status.ReasonSIMLocked, "canal (interface): the SIM asks for its PUK")
		time.Sleep(day)
		l.expect(status.Down, status.ReasonSIMLocked, "")
		if got := l.modem.log(); len(got) != 0 {
			t.Errorf("a locked SIM was answered with %v", got)
		}
		// Once it is lifted the ladder begins from its foot.
		l.modem.set(func(m *fakeModem) { m.refused = nil })
		for l.last().Reason != status.ReasonInterfaceMissing {
			time.Sleep(time.Second)
		}
		lifted := time.Since(l.began).Truncate(time.Second)
		time.Sleep(2*time.Minute + time.Second)
		if got, want := rungsOfDay(l.modem.log(), lifted), []string{"activate 1m0s", "activate 2m0s"}; !slices.Equal(got, want) {
			t.Errorf("after it was lifted %v, want %v", got, want)
		}
	})
}

// While SORACOM's side of the modem answers, the modem is not the fault.
func TestDayOfADeadVPC(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		l.set(func(l *leg) { l.silent, l.pong = true, true })
		time.Sleep(4 * time.Minute)
		l.expect(status.Down, status.ReasonVPCSilent, "SORACOM answers in 45 ms (100.127.100.127), so the modem is left alone")
		time.Sleep(day)
		l.expect(status.Down, status.ReasonVPCSilent, "")
		if got := l.modem.log(); len(got) != 0 {
			t.Errorf("the modem answered, and %v was done to it", got)
		}
		// When the pong stops, too, it is the modem after all.
		l.set(func(l *leg) { l.pong = false })
		time.Sleep(3 * time.Minute)
		l.expect(status.Down, status.ReasonRecovering, "nor does 100.127.100.127")
		if got := l.modem.log(); len(got) == 0 || got[0].what != RungActivate {
			t.Errorf("after the pong stopped: %v", got)
		}
	})
}

// The pong is asked right before a rung: what was true a minute ago is not enough.
func TestPongIsAskedBeforeEachRung(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		l.set(func(l *leg) { l.silent = true })
		for l.last().State.Usable() {
			time.Sleep(time.Second)
		}
		_, before := l.counts()
		time.Sleep(20 * time.Second)
		l.set(func(l *leg) { l.pong = true })
		time.Sleep(time.Hour)
		l.expect(status.Down, status.ReasonVPCSilent, "")
		if got := l.modem.log(); len(got) != 0 {
			t.Errorf("SORACOM answers again, and %v was done to the modem", got)
		}
		if _, after := l.counts(); after == before {
			t.Error("nobody asked")
		}
	})
}

// A device without a battery clock learns the time over this very link: a clock
// of 1970 that jumps to the true time changes nothing in the climb.
func TestDayOfAWrongClockAtBoot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Recovery.Reboot = true })
		l.start()
		time.Sleep(3 * time.Hour)
		want := []string{
			"activate 1m0s", "activate 2m0s", "activate 4m0s", "reenable 5m0s", "activate 8m0s", "reset 10m0s", "activate 16m0s",
			"modem-manager 20m0s", "usb 25m0s", "activate 32m0s", "reboot 1h0m0s", "activate 1h2m0s", "activate 1h32m0s",
			"activate 2h2m0s", "activate 2h32m0s",
		}
		if got := rungsOfDay(l.modem.log(), 0); !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
		l.plug("wwan0", 9, "10.64.1.3/30")
		time.Sleep(2 * time.Second)
		l.expect(status.OK, status.ReasonConnected, "wwan0")
	})
}

// Each rung that helps is the last one.
func TestLadderEndsWhereItHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		l.unplug("ppp0")
		time.Sleep(inspectEvery)
		lost := time.Since(l.began)
		l.modem.set(func(m *fakeModem) {
			m.takes = 20 * time.Second
			m.mend = map[string]func(){RungReset: func() { l.plug("wwan0", 12, "10.64.1.9/30") }}
		})
		time.Sleep(10*time.Minute + 25*time.Second)
		l.expect(status.OK, status.ReasonConnected, "on wwan0, 10.64.1.9")
		time.Sleep(time.Hour)
		got, want := rungsOfDay(l.modem.log(), lost), []string{"activate 1m0s", "activate 2m0s", "activate 4m0s", "reenable 5m0s", "activate 8m0s", "reset 10m0s"}
		if !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
		if f := l.last().Facts; f["recovery"] != nil || f["recovery_next"] != nil {
			t.Errorf("facts after recovery %v", f)
		}
		v := l.kernel.view()
		if index, _ := l.kernel.Leaves(netip.MustParseAddr("10.0.6.105")); index != 12 {
			t.Errorf("the VPC's range leaves by %d: %v", index, v.routes)
		}
	})
}
