package vpn

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// first, second are addresses of the server.
var first, second = netip.MustParseAddr("203.0.113.10"), netip.MustParseAddr("198.51.100.7")

// name has the server's name resolve to addrs.
func (w *world) name(addrs ...netip.Addr) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addrs, w.lookErr, w.lookHang = addrs, nil, false
}

// nameless has it resolve no more.
func (w *world) nameless(why string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookErr = errors.New(why)
}

func (w *world) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	w.looked = append(w.looked, host)
	hang, takes, addrs, err := w.lookHang, w.lookTime, w.addrs, w.lookErr
	w.mu.Unlock()
	time.Sleep(takes)
	if hang {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, err
}

// slow has each lookup take d.
func (w *world) slow(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lookTime = d
}

// meet has OpenVPN meet another kind of server.
func (w *world) meet(s server) { w.engine.set(func(e *fakeEngine) { e.server = s }) }

// restarts has OpenVPN give its connection or attempt up.
func (w *world) restarts() {
	w.engine.current().say(">STATE:1795295778,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
}

// dialled returns what OpenVPN has sent its first packets to, in order.
func (w *world) dialled() (out []string) {
	for _, e := range w.engine.noted("dial ") {
		out = append(out, strings.TrimPrefix(e.what, "dial "))
	}
	return out
}

func (w *world) expectDialled(want ...netip.Addr) {
	w.t.Helper()
	if got := w.dialled(); !slices.Equal(got, texts(want)) {
		w.t.Errorf("dialled %v, want %v", got, want)
	}
}

func TestProcessIsNeverAskedForTheAddressOfItsOneServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.expectDialled(first)
		if got := w.engine.noted("remote"); len(got) != 0 || len(w.looked) != 1 {
			t.Errorf("answered %v after looking up %v", got, w.looked)
		}
	})
}

func TestAddressOfTheFileIsNotLookedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.text = "client\ndev tun\nremote 203.0.113.10 443\n"
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.restarts()
		w.expect(status.OK, status.ReasonConnected, "")
		w.expectDialled(first, first)
		if got := w.engine.noted("start"); len(got) != 1 || len(w.looked) != 0 {
			t.Errorf("starts %v, looked up %v", got, w.looked)
		}
	})
}

// The device is not made anew for a connection that is.
func TestAddressThatHasCarriedComesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.name(first, second)
		w.start()
		time.Sleep(2 * stableAfter)
		w.restarts()
		w.expect(status.OK, status.ReasonConnected, "")
		w.expectDialled(first, first)
		time.Sleep(2 * stableAfter)
		w.meet(silent)
		w.restarts()
		w.expectDialled(first, first, first)
		w.meet(answering)
		w.restarts()
		time.Sleep(connectBase)
		w.expect(status.OK, status.ReasonConnected, "to 198.51.100.7")
		w.expectDialled(first, first, first, second)
	})
}

// One that connects and then carries nothing is not tried for ever.
func TestAddressThatCarriesNothingLosesItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.name(first, second)
		w.blackhole(true)
		w.start()
		w.restarts()
		time.Sleep(connectBase)
		w.expectDialled(first, second)
	})
}

// To be replaced for another address is no failure of the process.
func TestProcessIsReplacedForAnotherAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		w.meet(silent)
		w.restarts()
		w.expect(status.Down, status.ReasonNoAnswer, "203.0.113.10:443 does not answer")
		w.name(second)
		w.meet(answering)
		before := len(w.engine.noted("hold release"))
		w.restarts()
		for len(w.engine.noted("start")) < 2 {
			time.Sleep(time.Millisecond)
		}
		w.expect(status.OK, status.ReasonConnected, "to 198.51.100.7")
		releases, starts := w.engine.noted("hold release"), w.engine.noted("start")
		if len(releases) != before+1 || releases[before].at != starts[1].at {
			t.Errorf("released at %v, the process was replaced at %v", releases[before:], starts[1].at)
		}
		if trail := w.trail(); slices.Contains(trail, "down process-exited") || slices.Contains(trail, "down recovering") {
			t.Errorf("trail %v", trail)
		}
		if w.link.climbed.Load() != 0 {
			t.Error("the ladder was climbed")
		}
		// Its first death is still answered at once.
		w.engine.current().end(exit{code: -1, signal: sigKill})
		if starts = w.engine.noted("start"); len(starts) != 3 || starts[2].at != time.Since(w.began) {
			t.Errorf("starts %v", starts)
		}
	})
}

// A site's DNS that is slow, or broken, delays no connection that stood a moment ago,
// whatever has ended it.
func TestReconnectWaitsForNoLookup(t *testing.T) {
	for what, end := range map[string]func(w *world, stop func()){
		"reconnect": func(w *world, _ func()) { w.restarts() },
		"kill":      func(w *world, _ func()) { w.engine.current().end(exit{code: -1, signal: sigKill}) },
		"reconnect after a handover": func(w *world, stop func()) {
			w.succeed(stop, nil)
			w.expect(status.OK, status.ReasonConnected, "")
			w.restarts()
		},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.start()
				w.expect(status.OK, status.ReasonConnected, "")
				w.mu.Lock()
				w.lookHang = true
				w.mu.Unlock()
				end(w, stop)
				w.expect(status.OK, status.ReasonConnected, "")
				time.Sleep(2 * lookupLimit)
				w.expect(status.OK, status.ReasonConnected, "")
				w.expectDialled(first, first)
				if len(w.looked) != 2 {
					t.Errorf("looked up %v, want one beside the second attempt", w.looked)
				}
			})
		})
	}
}

// Nor does an attempt that had no way out: it says nothing about the server. The
// gateway is asked for anew when there is one again.
func TestAttemptWithoutAWayOutCostsNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.mu.Lock()
		w.lookHang = true
		w.mu.Unlock()
		w.kernel.change(func(v *view) { v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == defaultRoute }) })
		time.Sleep(inspectEvery)
		w.meet(silent)
		w.restarts()
		w.expect(status.Down, status.ReasonNoUplink, "")
		w.meet(answering)
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery)
		w.expect(status.OK, status.ReasonConnected, "")
		w.expectDialled(first, first, first)
		if w.kernel.mu.Lock(); !slices.Equal(w.kernel.reasked, []int{defaultRoute.index}) {
			t.Errorf("neighbours asked anew on devices %v", w.kernel.reasked)
		}
		w.kernel.mu.Unlock()
	})
}

// But the name has the last word on it, unless the server has answered meanwhile.
func TestNameThatMovedIsFollowedDuringTheAttempt(t *testing.T) {
	for what, answered := range map[string]bool{"silent": false, "answered": true} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.start()
				w.expect(status.OK, status.ReasonConnected, "")
				w.meet(silent)
				w.slow(time.Second)
				w.name(second)
				w.restarts()
				synctest.Wait()
				if answered {
					w.engine.current().say(">LOG:1795295593,,TLS: Initial packet from [AF_INET]203.0.113.10:443, sid=1")
				}
				w.meet(answering)
				time.Sleep(time.Second)
				if answered {
					w.expectDialled(first, first)
					return
				}
				w.expect(status.OK, status.ReasonConnected, "to 198.51.100.7")
				w.expectDialled(first, first, second)
			})
		})
	}
}

func TestNothingRunsWithoutAnAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.nameless("no such name")
		w.start()
		w.expect(status.Down, status.ReasonNoName, "the VPN server's name does not resolve: looking up vpn.example: no such name")
		time.Sleep(time.Hour)
		w.expect(status.Down, status.ReasonNoName, "")
		if _, ok := w.last().Facts["pid"]; ok || len(w.engine.noted("start")) > 0 {
			t.Errorf("facts %v, starts %v", w.last().Facts, w.engine.noted("start"))
		}
		if n := len(w.looked); n < int(time.Hour/(lookupBase+lookupMax)) || n > int(time.Hour/lookupMax)*4 {
			t.Errorf("%d lookups in an hour", n)
		}
		// The file is looked at again as well: the name in it may be what is wrong.
		w.engine.set(func(e *fakeEngine) { e.text = strings.ReplaceAll(e.text, "vpn.example", "vpn2.example") })
		w.name(second)
		time.Sleep(lookupBase + lookupMax)
		w.expect(status.OK, status.ReasonConnected, "to 198.51.100.7")
		if last := w.looked[len(w.looked)-1]; !strings.HasSuffix(last, ".vpn2.example") {
			t.Errorf("looked up %s", last)
		}
	})
}

// With a choice of servers the process asks, and is woken where it would wait for
// up to a second more.
func TestProcessWithAChoiceIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.text, e.opening = severalServers, opening })
		time.Sleep(400 * time.Millisecond)
		w.start()
		time.Sleep(2 * time.Second)
		w.expect(status.OK, status.ReasonConnected, "")
		answers, wakes := w.engine.noted("remote"), w.engine.noted("pid")
		if len(answers) != 1 || answers[0].what != "remote MOD 203.0.113.10 443" {
			t.Fatalf("answered %v", answers)
		}
		if len(wakes) != 1 || wakes[0].at != time.Second+wakeLag {
			t.Errorf("woken at %v, want %v", wakes, time.Second+wakeLag)
		}
	})
}

// The device of a full tunnel must not go with the process.
func TestFullTunnelAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Link.FullTunnel = true })
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("remote"); len(got) != 1 {
			t.Errorf("answered %v", got)
		}
	})
}

func TestHandedOverProcessKeepsItsAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.name(first, second)
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.succeed(stop, nil)
		w.expect(status.OK, status.ReasonConnected, "")
		w.restarts()
		w.expect(status.OK, status.ReasonConnected, "")
		w.expectDialled(first, first)
		if got := w.engine.noted("start", "remote"); len(got) != 1 {
			t.Errorf("%v: it is the first process, and does not ask", got)
		}
		w.name(second)
		w.meet(silent)
		w.restarts()
		time.Sleep(connectBase)
		w.expectDialled(first, first, first, second)
	})
}

// A version before this one started it, and had it ask.
func TestHandedOverProcessThatAsks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.text = severalServers })
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.set(func(e *fakeEngine) { e.text = "client\ndev tun\nremote vpn.example 443 udp\n" })
		w.succeed(stop, func(o *Options) {
			if o.Adopt.Pin.IsValid() {
				t.Errorf("it says %v", o.Adopt.Pin)
			}
		})
		w.expect(status.OK, status.ReasonConnected, "")
		w.restarts()
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("start", "remote"); len(got) != 3 {
			t.Errorf("%v, want one start and two answers", got)
		}
		// The next one is pinned.
		w.engine.current().end(exit{code: -1, signal: sigKill})
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("remote"); len(got) != 2 {
			t.Errorf("answered %v", got)
		}
	})
}
