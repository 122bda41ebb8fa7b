package vpn

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// opening is OpenVPN 2.6's time from the answer to >REMOTE to its first packet, and a
// slow device's from a release to it.
const opening = time.Second

// plug gives the device its way out in the two steps of a DHCP client.
func (w *world) plug() {
	onLink := defaultRoute
	onLink.gateway = defaultRoute.dst.Addr()
	w.kernel.change(func(v *view) { v.routes = append(v.routes, onLink) })
	time.Sleep(inspectEvery + time.Millisecond)
	w.kernel.change(func(v *view) { v.routes[slices.Index(v.routes, onLink)] = defaultRoute })
}

// At boot the agent is up before the network is. The uplink may appear at any
// moment of an attempt; none may cost OpenVPN's restart pause.
func TestUplinkThatAppearsDuringTheFirstConnect(t *testing.T) {
	for _, at := range []time.Duration{0, opening / 4, opening / 2, opening - time.Millisecond} {
		t.Run(at.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				w.kernel.change(func(v *view) { v.routes = nil })
				w.engine.set(func(e *fakeEngine) { e.opening = opening })
				w.start()
				synctest.Wait()
				time.Sleep(at)
				w.expect(status.Starting, status.ReasonConnecting, "connecting to 203.0.113.10:443")
				w.plug()
				time.Sleep(opening + inspectEvery)
				w.expect(status.OK, status.ReasonConnected, "")
				for _, e := range w.engine.noted("signal") {
					if e.at < opening {
						t.Errorf("OpenVPN was sent %q at %v, before its first packet", e.what, e.at)
					}
				}
			})
		})
	}
}

// What was sent by another way may be lost: such an attempt is made anew.
func TestUplinkThatChangesAfterTheFirstPacket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.kernel.change(func(v *view) { v.routes = nil })
		w.engine.set(func(e *fakeEngine) { e.opening, e.server = opening, silent })
		w.start()
		time.Sleep(opening + time.Millisecond)
		w.engine.set(func(e *fakeEngine) { e.server = answering })
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery + opening)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("signal"); len(got) != 1 || got[0].what != "signal SIGUSR1" {
			t.Errorf("OpenVPN was sent %v", got)
		}
	})
}

// A question sent into nowhere is not waited for once there is a way.
func TestUplinkThatAppearsDuringALookup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mu.Lock()
		w.lookHang = true
		w.mu.Unlock()
		w.kernel.change(func(v *view) { v.routes = nil })
		w.start()
		time.Sleep(lookupLimit / 2)
		w.mu.Lock()
		w.lookHang = false
		w.mu.Unlock()
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery)
		w.expect(status.OK, status.ReasonConnected, "")
		time.Sleep(lookupLimit) // the first lookup's failure comes to nothing
		w.expect(status.OK, status.ReasonConnected, "")
		if len(w.looked) != 2 {
			t.Errorf("looked up %q", w.looked)
		}
	})
}

// A probe that was sent into nowhere is not waited for either: the connection
// is proved by the way that is back.
func TestUplinkThatReturnsDuringAProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.blackhole(true)
		w.kernel.change(func(v *view) { v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == defaultRoute }) })
		time.Sleep(3 * time.Second)
		w.expect(status.Down, status.ReasonNoUplink, "")
		w.blackhole(false)
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery + proofSpacing)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

// A cable that is out leaves its routes in place: OpenVPN then sends into
// nowhere, and only the agent knows that the server is not to blame.
func TestSilenceWithoutACarrierIsTheUplinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		w.kernel.change(func(v *view) { v.links[1].up = false })
		w.start()
		w.engine.current().say(">STATE:1795310562,RECONNECTING,server_poll,,,,,", ">HOLD:Waiting for hold release:1")
		w.expect(status.Down, status.ReasonNoUplink, "this device has no way out")
		w.engine.set(func(e *fakeEngine) { e.server = answering })
		w.kernel.change(func(v *view) { v.links[1].up = true })
		time.Sleep(inspectEvery)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

// Nor is one that was sent into the connection before: whoever shares probes of one
// device would have the next wait for it.
func TestProbeOfAConnectionThatEndedIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		open := map[*Path]bool{}
		w = newWorld(t, func(o *Options) {
			o.ProbePath = func(ctx context.Context, p Path) (time.Duration, error) {
				w.mu.Lock()
				open[&p] = true
				w.mu.Unlock()
				<-ctx.Done()
				w.mu.Lock()
				defer w.mu.Unlock()
				delete(open, &p)
				return 0, ctx.Err()
			}
		})
		w.start()
		w.restarts()
		synctest.Wait()
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(open) != 1 {
			t.Errorf("%d probes are under way, want the one of the second connection", len(open))
		}
	})
}
