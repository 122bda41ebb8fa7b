package vpn

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// succeed ends the link of w after Leave, and returns one that follows it in the
// same world, with its options changed, which runs until the test ends.
func (w *world) succeed(stop func(), change func(*Options)) {
	w.t.Helper()
	w.link.Leave()
	stop()
	o := w.link.opts
	o.Adopt = w.link.Settle()
	if change != nil {
		change(&o)
	}
	w.link = newOpenVPN(o, w.engine, w.kernel)
	w.mu.Lock()
	w.reports = nil
	w.mu.Unlock()
	w.start()
}

func TestOpenVPNGoesOnUnderAnotherAgent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		extra := netip.MustParseAddr("10.0.6.105")
		if err := w.link.Route(t.Context(), extra); err != nil {
			t.Fatal(err)
		}
		path, _ := w.link.Path()
		routes := w.kernel.view().ours()
		commands := len(w.engine.noted("start", "signal", "hold"))

		w.succeed(stop, nil)
		w.expect(status.OK, status.ReasonConnected, "vpn (openvpn) on tun0, 10.100.0.2 to 203.0.113.10")
		if after, _ := w.link.Path(); !samePath(path, after) {
			t.Errorf("path %+v, was %+v", after, path)
		}
		if after := w.kernel.view().ours(); !slices.Equal(after, routes) {
			t.Errorf("routes %v, were %v", after, routes)
		}
		if got := w.engine.noted("start", "signal", "hold"); len(got) != commands {
			t.Errorf("OpenVPN was touched: %v", got)
		}
		if got, want := w.trail(), []string{"starting connecting", "ok connected"}; !slices.Equal(got, want) {
			t.Errorf("trail %v, want %v: up only once a probe was answered", got, want)
		}
		// It is driven as before: by what it says and by what it is told.
		w.engine.current().say(">STATE:1795296018,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.trail(); !slices.Contains(got, "down no-answer") {
			t.Errorf("its loss went unnoticed: %v", got)
		}
	})
}

func TestOpenVPNIsStartedAnew(t *testing.T) {
	for name, tc := range map[string]struct {
		spoil  func(*world)
		change func(*Options)
		why    string
	}{
		"changed configuration": {nil, func(o *Options) { o.Link.FullTunnel = true }, "the link's configuration has changed"},
		"another link":          {nil, func(o *Options) { o.Link.Name = "other" }, "the link's configuration has changed"},
		"lost device":           {func(w *world) { w.kernel.removeTun() }, nil, "tun0 with 10.100.0.2/22 is gone"},
		"ended process":         {func(w *world) { w.engine.procs[0].end(exit{}); w.kernel.makeTun("10.100.0.2", 11) }, nil, "no such process"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				stop := w.start()
				w.expect(status.OK, status.ReasonConnected, "")
				w.succeed(stop, func(o *Options) {
					if tc.spoil != nil {
						tc.spoil(w)
					}
					if tc.change != nil {
						tc.change(o)
					}
				})
				w.expect(status.OK, status.ReasonConnected, "")
				w.mu.Lock()
				first := w.reports[0].update
				w.mu.Unlock()
				if first.Reason != status.ReasonRecovering || !strings.Contains(first.Detail, "OpenVPN is started anew: "+tc.why) {
					t.Errorf("status says first: %s %q", first.Reason, first.Detail)
				}
				if starts, ends := w.engine.noted("start"), w.engine.noted("end"); len(starts) != 2 || len(ends) != 1 {
					t.Errorf("starts %v, ends %v", starts, ends)
				}
			})
		})
	}
}

// What is not connected is not left: the next one starts afresh.
func TestNoConnectionIsNotLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Probe = config.Default().Probe })
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		stop := w.start()
		time.Sleep(3 * time.Second)
		w.link.Leave()
		stop()
		if h := w.link.Settle(); h != nil {
			t.Errorf("left %+v", h)
		}
		if left := w.engine.noted("release"); len(left) != 0 {
			t.Error("the process was left alone")
		}
	})
}

// A loss that OpenVPN tells of between two agents reaches the second one.
func TestLossInBetween(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.succeed(stop, func(*Options) {
			w.engine.current().say(">STATE:1795296018,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
		})
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.trail(); !slices.Contains(got, "down no-answer") {
			t.Errorf("the loss went unnoticed: %v", got)
		}
	})
}

// What no run has taken over is ended by Settle, unless it is to go on further.
func TestSettleEndsWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stop := w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.link.Leave()
		stop()
		h := w.link.Settle()
		o := w.link.opts
		o.Adopt = h
		passing := newOpenVPN(o, w.engine, w.kernel)
		passing.Leave()
		if got := passing.Settle(); got != h {
			t.Errorf("handed on %+v, want %+v", got, h)
		}
		if last := newOpenVPN(o, w.engine, w.kernel).Settle(); last != nil || len(w.engine.noted("end")) != 1 {
			t.Errorf("left %+v, ended %v", last, w.engine.noted("end"))
		}
	})
}

// The contents of the user's files count, not when they were written.
func TestTerms(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/client.ovpn"
	write := func(text string) {
		if err := writeFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	link := config.Link{Name: "vpn", Config: file}
	write("remote a")
	before := terms(link, nil)
	write("remote a")
	if terms(link, []string{file}) != before {
		t.Error("the same text written again is another configuration")
	}
	write("remote b")
	changed := terms(link, []string{file})
	link.FullTunnel = true
	if changed == before || terms(link, []string{file}) == changed {
		t.Error("another text or setting is the same configuration")
	}
	link.FullTunnel, link.Routes, link.Metered = false, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}, true
	if terms(link, []string{file}) != changed {
		t.Error("routes are the agent's own: OpenVPN need not be started anew for them")
	}
}
