package vpn

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var defaultRoute = route{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 2, gateway: netip.MustParseAddr("192.168.50.1"), metric: 100}

func TestLostUplinkIsToldAtOnceAndProbedWhenItIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.kernel.change(func(v *view) { v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == defaultRoute }) })
		time.Sleep(inspectEvery)
		w.expect(status.Down, status.ReasonNoUplink, "eth0 via 192.168.50.1 is gone, and there is no other way out")
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery + 2*proofSpacing)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("signal"); len(got) != 0 {
			t.Errorf("the same uplink came back, and OpenVPN was sent %v", got)
		}
	})
}

func TestChangedUplinkReconnectsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.kernel.change(func(v *view) {
			v.links = append(v.links, device{name: "wwan0", index: 5, up: true, addresses: []netip.Prefix{netip.MustParsePrefix("100.64.1.2/32")}})
			v.routes = append(v.routes, route{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 5, metric: 50})
		})
		time.Sleep(inspectEvery)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("signal"); len(got) != 1 || got[0].what != "signal SIGUSR1" {
			t.Errorf("OpenVPN was sent %v", got)
		}
		if got := w.last().Facts["uplink"]; got != "wwan0" {
			t.Errorf("uplink %v", got)
		}
	})
}

// While nothing gets out the pauses grow; they must not outlive the cause.
func TestUplinkThatReturnsEndsTheWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.mu.Lock()
		w.lookErr = errors.New("timeout")
		w.mu.Unlock()
		w.kernel.change(func(v *view) { v.routes = nil })
		w.start()
		time.Sleep(20 * time.Minute)
		w.expect(status.Down, status.ReasonNoUplink, "this device has no way out")
		w.mu.Lock()
		w.lookErr = nil
		w.mu.Unlock()
		w.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		time.Sleep(inspectEvery)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestRandomLabelAndKnownAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.mu.Lock()
		w.lookErr = errors.New("the site's DNS is broken")
		w.mu.Unlock()
		w.engine.current().say(">STATE:1795295778,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
		time.Sleep(time.Second)
		w.expect(status.OK, status.ReasonConnected, "to 203.0.113.10")
		label := regexp.MustCompile(`^[0-9a-f]{12}\.vpn\.example$`)
		if len(w.looked) != 2 || !label.MatchString(w.looked[0]) || !label.MatchString(w.looked[1]) || w.looked[0] == w.looked[1] {
			t.Errorf("looked up %q", w.looked)
		}
	})
}

func TestNothingIsStartedWithAWrongClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		build := time.Now().Add(time.Hour) // the clock is an hour behind
		w := newWorld(t, func(o *Options) { o.Clock, _ = clock.NewGate(build, filepath.Join(t.TempDir(), "last-time")) })
		w.start()
		w.expect(status.Down, status.ReasonClock, "the clock is wrong: it says ")
		time.Sleep(30 * time.Minute)
		if got := w.engine.noted("start"); len(got) != 0 {
			t.Errorf("started at %v", got)
		}
		time.Sleep(31 * time.Minute) // NTP would step it
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestOpenVPNNotInstalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.startErr = exec.ErrNotFound
		w.start()
		w.expect(status.Down, status.ReasonProcessExited, "the program openvpn is not installed")
		if hint := w.last().Hint; hint != "Install it: apt install openvpn." {
			t.Errorf("hint %q", hint)
		}
		w.engine.set(func(e *fakeEngine) { e.startErr = nil })
		time.Sleep(precheckEvery)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestChangedFileEndsTheWaitAfterARefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "client.ovpn")
		w := newWorld(t, func(o *Options) { o.Link.Config = file })
		w.engine.set(func(e *fakeEngine) { e.server = rejecting })
		w.start()
		time.Sleep(30 * time.Second)
		w.expect(status.Down, status.ReasonAuthFailed, "")
		w.engine.set(func(e *fakeEngine) { e.server = answering })
		time.Sleep(30 * time.Second)
		w.expect(status.Down, status.ReasonAuthFailed, "")
		if err := os.WriteFile(file, []byte("new"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(precheckEvery)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestPasswordNobodyCanTypeIsAFaultOfTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.server = scripted })
		w.start()
		w.engine.current().say(">PASSWORD:Need 'Auth' username/password")
		w.expect(status.Down, status.ReasonBadConfig, "nobody is there to type it; next try at ")
		time.Sleep(time.Minute)
		if got := w.engine.noted("start"); len(got) != 1 {
			t.Errorf("started at %v", got)
		}
	})
}

func TestRoutesAreForgottenAtTheEndOfTheRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		host := netip.MustParseAddr("10.0.6.105")
		if err := w.link.Route(t.Context(), host); !errors.Is(err, ErrDown) {
			t.Errorf("routing before the run: %v", err)
		}
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		routed := func() bool {
			index, _ := w.kernel.Leaves(host)
			p, up := w.link.Path()
			return up && index == p.Index
		}
		if err := w.link.Route(t.Context(), host); err != nil || !routed() {
			t.Errorf("routing: %v, routed %v", err, routed())
		}
		w.engine.current().end(exit{signal: sigKill})
		w.expect(status.OK, status.ReasonConnected, "")
		if !routed() {
			t.Error("not routed after the reconnect")
		}
		stop()
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		if routed() {
			t.Error("still routed in the next run")
		}
	})
}

// Two programs that put "their" route back in turn must not keep the CPU busy.
func TestFightOverARouteIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		repairs := 0
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			w.kernel.change(func(v *view) {
				if i := slices.IndexFunc(v.routes, func(r route) bool { return r.dst.String() == "10.0.0.2/32" }); i >= 0 {
					repairs++
					v.routes = slices.Delete(v.routes, i, i+1)
				}
			})
		}
		if repairs < repairLimit || repairs > repairLimit+4 {
			t.Errorf("the route was put back %d times in a minute", repairs)
		}
	})
}

// OpenVPN closes its device and then says why; the kernel's event may be first.
func TestDeviceThatOpenVPNClosedItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.kernel.removeTun()
		time.Sleep(inspectEvery)
		w.expect(status.Down, status.ReasonInterfaceMissing, "tun0 vanished")
		w.engine.current().say(">LOG:1,N,Halt command was pushed by server ('')", ">STATE:1,EXITING,server-pushed-halt,,,,,")
		synctest.Wait()
		w.engine.current().end(exit{})
		w.expect(status.Down, status.ReasonServerHalt, "the VPN server told this device to stop")
	})
}

func TestDeviceThatSomebodyRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.kernel.removeTun()
		time.Sleep(inspectEvery + deviceGrace)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("start"); len(got) != 2 {
			t.Errorf("starts %v", got)
		}
	})
}

func TestIdleLinkSleeps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(10 * time.Minute)
		before, _ := w.counts()
		time.Sleep(time.Hour)
		reports, probes := w.counts()
		// One for each time the counters may be told.
		if n := reports - before; n > int(time.Hour/factsEvery)+1 {
			t.Errorf("%d reports in an idle hour", n)
		}
		if probes > 75 {
			t.Errorf("%d probes in 70 minutes", probes)
		}
	})
}

func TestTrafficMakesProbesUnnecessary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		for range 80 {
			time.Sleep(45 * time.Second)
			w.mu.Lock()
			w.alive = time.Now()
			w.mu.Unlock()
		}
		if _, n := w.counts(); n != 1 {
			t.Errorf("%d probes beside live traffic", n)
		}
	})
}

func TestMeteredLinkWithChattyServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Link.Metered = true })
		w.start()
		time.Sleep(time.Hour)
		if _, n := w.counts(); n > int(time.Hour/meteredProbe)+1 {
			t.Errorf("%d probes in an hour", n)
		}
		w.expect(status.OK, status.ReasonConnected, "")
		if cost := w.last().Facts["ping_mb_a_day"]; cost != 11.75 {
			t.Errorf("pings cost %v MB a day", cost)
		}
	})
}

func TestPingsThatTheFileRefusesAreNoWarning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Link.Metered = true })
		w.engine.set(func(e *fakeEngine) { e.text += "pull-filter ignore \"ping \"\nping 10\n" })
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		if f := w.last().Facts; f["ping_s"] != 1 || f["ping_mb_a_day"] != nil {
			t.Errorf("facts %v", f)
		}
	})
}

func TestSilentHandshakeBecomesARefusalInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Recovery = config.Recovery{} })
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		w.start()
		for range rejectsBeforeSlow {
			time.Sleep(time.Minute)
			w.engine.current().say(">LOG:1,,TLS: Initial packet from [AF_INET]203.0.113.10:443, sid=1", ">LOG:1,,VERIFY OK: depth=0, CN=server",
				">STATE:1795295975,RECONNECTING,tls-error,,,,,", ">HOLD:Waiting for hold release:1")
			w.expect(status.Down, status.ReasonCertRejected, "fell silent after it was shown the client certificate")
		}
		if hint := w.last().Hint; !strings.HasPrefix(hint, "Ask the VPN's administrator") {
			t.Errorf("hint %q", hint)
		}
		before := len(w.engine.noted("hold release"))
		time.Sleep(rejectPause / 2)
		if n := len(w.engine.noted("hold release")); n != before {
			t.Errorf("%d more attempts within half the pause", n-before)
		}
	})
}
