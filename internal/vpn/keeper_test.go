package vpn

import (
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestUpMeansConnectedAndAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "vpn (openvpn) on tun0, 10.100.0.2 to 203.0.113.10")
		if got, want := w.trail(), []string{"starting connecting", "ok connected"}; !slices.Equal(got, want) {
			t.Errorf("trail %v, want %v", got, want)
		}
		p, _ := w.link.Path()
		if p.Device != "tun0" || p.Index != 11 || p.Address != netip.MustParsePrefix("10.100.0.2/22") || !slices.Equal(p.Servers, []netip.Addr{netip.MustParseAddr("10.0.0.2")}) {
			t.Errorf("path %+v", p)
		}
		f := w.last().Facts
		if f["remote"] != "203.0.113.10:443" || f["address"] != "10.100.0.2/22" || f["probe_rtt_ms"] != 12.0 {
			t.Errorf("facts %v", f)
		}
	})
}

func TestConnectedButNothingAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.blackhole(true)
		w.engine.set(func(e *fakeEngine) { e.mute = false })
		w.start()
		time.Sleep(10 * time.Second)
		w.expect(status.Down, status.ReasonNoAnswer, "connected, but nothing answers through tun0 (asked 10.0.0.2)")
		w.blackhole(false)
		time.Sleep(20 * time.Second)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestBlackHoleIsSeenBeforeOpenVPNSeesIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(33 * time.Second) // in the middle of everything's pace
		w.blackhole(true)
		cut := time.Now()
		for w.last().State == status.OK && time.Since(cut) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(cut); took > 19*time.Second {
			t.Errorf("status said so after %v; OpenVPN's ping-restart would at 20s", took)
		}
		w.expect(status.Down, status.ReasonNoAnswer, "nothing from 203.0.113.10:443 since ")
		if d := w.last().Detail; !strings.Contains(d, "the uplink is there (eth0 via 192.168.50.1)") {
			t.Errorf("detail %q does not clear the uplink", d)
		}
	})
}

func TestPathThatComesBackByItselfMustAnswerTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(33 * time.Second)
		w.blackhole(true)
		time.Sleep(25 * time.Second)
		w.expect(status.Down, status.ReasonNoAnswer, "")
		w.mu.Lock()
		w.probes = nil
		w.mu.Unlock()
		back := time.Since(w.began)
		w.blackhole(false)
		for w.last().State != status.OK {
			time.Sleep(100 * time.Millisecond)
		}
		var after []time.Duration
		for _, p := range w.probes {
			if p >= back {
				after = append(after, p)
			}
		}
		if len(after) != 2 || after[1]-after[0] != probeSpacing {
			t.Errorf("up after probes at %v, want two, %v apart", after, probeSpacing)
		}
		if took := time.Since(w.began) - back; took > 5*time.Second {
			t.Errorf("back after %v", took)
		}
	})
}

func TestSilentResolverIsNotTheLinksFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(30 * time.Second)
		w.blackhole(true)
		w.engine.set(func(e *fakeEngine) { e.mute = false }) // pings arrive
		time.Sleep(85 * time.Second)
		w.expect(status.OK, status.ReasonConnected, "bytes arrive, but 10.0.0.2 is silent since")
		time.Sleep(2 * time.Hour)
		w.expect(status.OK, status.ReasonConnected, "is silent since")
		if got := w.engine.noted("signal", "start"); len(got) != 2 || got[1].what != "signal SIGUSR1" {
			t.Errorf("%v, want the first start and one reconnect", got)
		}
	})
}

func TestLossIsToldEvenIfThePathIsBackAtOnce(t *testing.T) {
	for name, address := range map[string]string{"same device": "10.100.0.2", "changed address": "10.100.0.7"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				w.expect(status.OK, status.ReasonConnected, "")
				w.engine.set(func(e *fakeEngine) { e.address = address })
				w.engine.current().say(">STATE:1795296018,RECONNECTING,server-pushed-connection-reset,,,,,", ">HOLD:Waiting for hold release:1")
				w.expect(status.OK, status.ReasonConnected, address)
				want := []string{"starting connecting", "ok connected", "down connecting", "ok connected"}
				if got := w.trail(); !slices.Equal(got, want) {
					t.Errorf("trail %v, want %v", got, want)
				}
				p, _ := w.link.Path()
				dev, _, _ := w.kernel.view().holder(p.Address.Addr())
				if p.Index != dev.index || p.Address.Addr().String() != address {
					t.Errorf("path %+v, but the device is %+v", p, dev)
				}
			})
		})
	}
}

func TestConnectedAnewWithoutWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "10.100.0.2")
		w.kernel.removeTunQuietly()
		w.kernel.makeTun("10.100.0.9", 99)
		w.engine.current().say(">STATE:1795296018,CONNECTED,SUCCESS,10.100.0.9,203.0.113.10,443,,")
		w.expect(status.OK, status.ReasonConnected, "10.100.0.9")
		want := []string{"starting connecting", "ok connected", "down connecting", "ok connected"}
		if got := w.trail(); !slices.Equal(got, want) {
			t.Errorf("trail %v, want %v", got, want)
		}
	})
}

// removeTunQuietly lets the device go without an event: two changes may come as one.
func (k *fakeKernel) removeTunQuietly() {
	k.mu.Lock()
	defer k.mu.Unlock()
	removeLinks(&k.v, "tun0")
}

func TestRenegotiationIsNoLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.current().say(">STATE:1795296202,AUTH,,,,,,", ">STATE:1795296202,WAIT,,,,,,", ">STATE:1795296202,AUTH,,,,,,",
			">LOG:1795296262,N,TLS Error: TLS key negotiation failed to occur within 60 seconds (check your network connectivity)")
		time.Sleep(time.Minute)
		if got, want := w.trail(), []string{"starting connecting", "ok connected"}; !slices.Equal(got, want) {
			t.Errorf("trail %v, want %v", got, want)
		}
	})
}

func TestKilledProcessIsBackAtOnceThenSlower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		w.engine.current().end(exit{code: -1, signal: syscall.SIGKILL})
		synctest.Wait()
		starts := w.engine.noted("start")
		if len(starts) != 2 || starts[1].at != 2*stableAfter {
			t.Fatalf("starts %v, want the second at once", starts)
		}
		w.expect(status.OK, status.ReasonConnected, "")
		trail := w.trail()
		if !slices.Contains(trail, "down process-exited") {
			t.Errorf("trail %v has no process-exited", trail)
		}
		for range 12 {
			w.engine.set(func(e *fakeEngine) { e.server = silent })
			w.engine.current().end(exit{code: -1, signal: syscall.SIGKILL})
			before := len(w.engine.noted("start"))
			for len(w.engine.noted("start")) == before {
				time.Sleep(time.Second)
			}
		}
		starts = w.engine.noted("start")
		last := starts[len(starts)-1].at - starts[len(starts)-2].at
		if total := starts[len(starts)-1].at - starts[1].at; total < 30*time.Second || last > processMax+time.Second {
			t.Errorf("12 deaths in %v, the last pause %v: no back-off", total, last)
		}
	})
}

func TestRejectIsRetriedSlowlyAndAtOnceWhenTheFileChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.server = rejecting })
		w.start()
		time.Sleep(time.Hour)
		w.expect(status.Down, status.ReasonAuthFailed, "the VPN server refuses this device; next try at ")
		tries := w.engine.noted("hold release")
		if len(tries) < 10 || len(tries) > 17 {
			t.Errorf("%d tries in an hour, want one in about %v", len(tries), rejectPause)
		}
		if got := w.engine.noted("signal", "start"); len(got) != 1 {
			t.Errorf("the recovery ladder was climbed: %v", got)
		}
	})
}

func TestHaltedProcessComesBackAfterAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		p := w.engine.current()
		p.say(">LOG:1795296020,N,Halt command was pushed by server ('maintenance')", ">STATE:1795296020,EXITING,server-pushed-halt,,,,,")
		synctest.Wait()
		p.end(exit{code: 0})
		w.expect(status.Down, status.ReasonServerHalt, "the VPN server told this device to stop: maintenance; next try at ")
		time.Sleep(haltBase / 3)
		if n := len(w.engine.noted("start")); n != 1 {
			t.Errorf("%d starts before the pause is over", n)
		}
		time.Sleep(2 * haltBase)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestStopTakesEverythingBack(t *testing.T) {
	for name, stubborn := range map[string]bool{"obedient": false, "stubborn": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.start()
				w.expect(status.OK, status.ReasonConnected, "")
				w.engine.current().stubborn = stubborn
				began := time.Now()
				stop()
				if took := time.Since(began); took > 2*time.Second {
					t.Errorf("stopping took %v", took)
				}
				if ours := w.kernel.view().ours(); len(ours) > 0 {
					t.Errorf("routes left: %v", ours)
				}
				if _, up := w.link.Path(); up || w.engine.cleaned < 2 {
					t.Errorf("path left %v, cleaned %d times", up, w.engine.cleaned)
				}
				select {
				case <-w.engine.procs[0].gone:
				default:
					t.Error("the process lives on")
				}
			})
		})
	}
}
