package vpn

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestProcessThatNeverListensIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.deaf = true
		w.start()
		time.Sleep(dialLimit - time.Millisecond)
		w.expect(status.Starting, status.ReasonConnecting, "")
		time.Sleep(time.Millisecond)
		w.expect(status.Down, status.ReasonProcessExited, "openvpn (pid 1000) cannot be driven: no answer in time")
		w.engine.set(func(e *fakeEngine) { e.deaf = false })
		time.Sleep(10 * time.Second)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

// The failed connection is known before the exit that explains it.
func TestProcessThatEndsBeforeItListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.deaf = true
		w.start()
		p := w.engine.current()
		p.once.Do(func() { close(p.gone); p.conn.Close() })
		synctest.Wait()
		p.done <- exit{code: 1, output: []string{"Options error: Unrecognized option or missing or extra parameter(s) in vpn.conf:4: x (2.6.14)"}}
		w.expect(status.Down, status.ReasonBadConfig, "OpenVPN refuses its configuration: Unrecognized option or missing or extra parameter(s) in vpn.conf:4: x")
	})
}

func TestRoutesOfAKilledRunAreRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		stale := route{dst: netip.MustParsePrefix("203.0.113.99/32"), index: 2, gateway: addr("192.168.50.1"), protocol: protocol}
		foreign := route{dst: netip.MustParsePrefix("203.0.113.98/32"), index: 2, gateway: addr("192.168.50.1"), protocol: 4}
		w.kernel.change(func(v *view) { v.routes = append(v.routes, stale, foreign) })
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		w.start()
		w.expect(status.Starting, status.ReasonConnecting, "")
		if v := w.kernel.view(); slices.Contains(v.routes, stale) || !slices.Contains(v.routes, foreign) {
			t.Errorf("routes %v", v.routes)
		}
	})
}

func TestProcessThatLosesItsSocketIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		p := w.engine.current()
		p.stubborn = true // it lives on, deaf and dumb
		p.conn.Close()
		w.expect(status.Down, status.ReasonProcessExited, "openvpn (pid 1000) is ending")
		time.Sleep(endLimit)
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("start"); len(got) != 2 {
			t.Errorf("starts %v", got)
		}
	})
}

func TestRestartReplacesEvenAStubbornProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		w.engine.current().stubborn = true
		if err := w.link.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(status.Down, status.ReasonRecovering, "restarted on request")
		time.Sleep(endLimit)
		w.expect(status.OK, status.ReasonConnected, "")
	})
}

func TestRestartCutsALongWaitShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.server = rejecting })
		stop := w.start()
		time.Sleep(time.Minute)
		w.expect(status.Down, status.ReasonAuthFailed, "")
		w.engine.set(func(e *fakeEngine) { e.server = answering })
		if err := w.link.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(status.OK, status.ReasonConnected, "")
		stop()
		if err := w.link.Restart(t.Context()); !errors.Is(err, ErrDown) {
			t.Errorf("restarting what does not run: %v", err)
		}
	})
}

// Exit code 0 is what AUTH_FAILED, HALT and a kill by hand have in common.
func TestExitCodeZeroIsNotTrusted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		w.engine.current().end(exit{code: 0, output: []string{"SIGTERM[hard,] received, process exiting"}})
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.engine.noted("start"); len(got) != 2 || got[1].at != got[0].at+2*stableAfter {
			t.Errorf("starts %v", got)
		}
		if !slices.Contains(w.trail(), "down process-exited") {
			t.Errorf("trail %v", w.trail())
		}
	})
}

// A killed process's device goes at the same moment: that is not the cause.
func TestKillIsNotTakenForAVanishedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.start()
		time.Sleep(2 * stableAfter)
		p := w.engine.current()
		p.stubborn = true
		w.kernel.removeTun()
		time.Sleep(inspectEvery + deviceGrace) // the agent has asked it to end
		w.expect(status.Down, status.ReasonInterfaceMissing, "tun0 vanished")
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		p.end(exit{code: -1, signal: syscall.SIGKILL})
		w.expect(status.Down, status.ReasonProcessExited, "openvpn (pid 1000) was ended by signal 9 (killed)")
	})
}

func TestCertificateThatEndsWhileInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ca := newAuthority(t, "CA")
		pair := ca.issue("gw", x509.ExtKeyUsageClientAuth, -day, day)
		w := newWorld(t)
		w.engine.text += inline("cert", pair.cert) + inline("key", pair.key)
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		if got := w.last().Facts["cert_expires"]; got != time.Now().Add(day).UTC().Format(time.RFC3339) {
			t.Errorf("cert_expires %v", got)
		}
		time.Sleep(day + 2*time.Second)
		w.expect(status.Degraded, status.ReasonCertExpired, "the next connection will be refused")
		// And so it is not even tried.
		w.engine.current().say(">STATE:1795295778,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
		time.Sleep(time.Minute)
		w.expect(status.Down, status.ReasonCertExpired, "client certificate expired on ")
		if got := w.engine.noted("hold release"); len(got) != 1 {
			t.Errorf("released at %v", got)
		}
	})
}

func TestFullTunnelOnlyIfTheServerOffersIt(t *testing.T) {
	for name, offered := range map[string]bool{"offered": true, "not offered": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(o *Options) { o.Link.FullTunnel = true })
				w.engine.set(func(e *fakeEngine) { e.server = scripted })
				w.start()
				push := "PUSH_REPLY,dhcp-option DNS 10.0.0.2,ping 1'"
				if offered {
					push = "PUSH_REPLY,redirect-gateway def1 bypass-dhcp,dhcp-option DNS 10.0.0.2,ping 1'"
				}
				w.kernel.makeTun("10.100.0.2", 11)
				w.engine.current().say(">LOG:1,,"+pushPrefix+push, ">STATE:1,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,")
				w.expect(status.OK, status.ReasonConnected, "")
				for to, want := range map[string]bool{"198.51.100.1": offered, "10.0.0.2": true, "203.0.113.10": false} {
					index, _ := w.kernel.Leaves(netip.MustParseAddr(to))
					if got := index == 11; got != want {
						t.Errorf("%s through the tunnel: %v, want %v", to, got, want)
					}
				}
			})
		})
	}
}

// In a full tunnel the next address of the server must not be sought in the
// tunnel that is down.
func TestFullTunnelDialsTheNextAddressByTheUplink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Link.Routes = prefixes("0.0.0.0/0") })
		w.addrs = []netip.Addr{addr("203.0.113.10"), addr("198.51.100.7")}
		w.start()
		w.expect(status.OK, status.ReasonConnected, "to 203.0.113.10")
		w.engine.set(func(e *fakeEngine) { e.server = silent })
		// The one that has carried a path comes first, the other after it.
		for range 2 {
			w.engine.current().say(">STATE:1795295778,RECONNECTING,ping-restart,,,,,", ">HOLD:Waiting for hold release:1")
			time.Sleep(connectBase)
		}
		if got := w.engine.noted("remote"); len(got) != 3 || got[1].what != got[0].what || got[2].what != "remote MOD 198.51.100.7 443" {
			t.Fatalf("dialled %v", got)
		}
		if index, _ := w.kernel.Leaves(addr("198.51.100.7")); index != 2 {
			t.Errorf("the server is sought by device %d", index)
		}
		if index, _ := w.kernel.Leaves(addr("192.0.2.1")); index != 11 {
			t.Errorf("others leave by device %d while the link is down: in the open", index)
		}
	})
}

func TestAddressOfTheFileIsAccepted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.engine.set(func(e *fakeEngine) { e.server, e.text = scripted, severalServers })
		w.start()
		w.engine.current().say(">REMOTE:203.0.113.10,443,udp")
		if got := w.engine.noted("remote"); len(got) != 1 || got[0].what != "remote ACCEPT" || len(w.looked) != 0 {
			t.Errorf("answered %v, looked up %v", got, w.looked)
		}
	})
}

func TestConfiguredServersOutrankThePushed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(o *Options) { o.Servers = []netip.Addr{addr("10.0.53.53")} })
		w.start()
		w.expect(status.OK, status.ReasonConnected, "")
		if p, _ := w.link.Path(); !slices.Equal(p.Servers, []netip.Addr{addr("10.0.53.53")}) {
			t.Errorf("servers %v", p.Servers)
		}
	})
}

func TestServerThatPushesNoDNS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.blackhole(true)
		w.engine.set(func(e *fakeEngine) { e.server, e.mute = scripted, false })
		w.start()
		w.kernel.makeTun("10.100.0.2", 11)
		w.engine.current().say(">STATE:1,CONNECTED,SUCCESS,10.100.0.2,203.0.113.10,443,,")
		time.Sleep(10 * time.Second)
		w.expect(status.Down, status.ReasonNoAnswer, "the VPN server pushes no DNS server to ask")
		if hint := w.last().Hint; !strings.Contains(hint, "resolver.servers") {
			t.Errorf("hint %q", hint)
		}
	})
}

func TestRunThatCannotBeginSaysSo(t *testing.T) {
	broken := errors.New("no netlink today")
	o := newOpenVPN(Options{Link: config.Link{Name: "vpn"}, Log: discard}, &fakeEngine{}, brokenKernel{newFakeKernel(), broken})
	if err := o.Run(t.Context(), func(status.Update) {}); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
}

func TestOptionsThatCannotWork(t *testing.T) {
	if _, err := NewOpenVPN(Options{Link: config.Link{Name: "vpn"}, RuntimeDir: t.TempDir()}); err == nil {
		t.Error("accepted without a prober")
	}
	if _, err := NewOpenVPN(Options{Link: config.Link{Name: "vpn"}, RuntimeDir: "/" + strings.Repeat("x", 110)}); err == nil {
		t.Error("accepted a path that is too long for a socket")
	}
}
