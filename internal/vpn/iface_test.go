package vpn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestInterfaceSaysWhatItLacks(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *leg)
		reason status.Reason
		text   string
	}{
		{"no device", func(*leg) {}, status.ReasonInterfaceMissing, "canal (interface): none of ppp0, wwan0 exists (there: eth0)"},
		{"no carrier", func(l *leg) {
			l.plug("wwan0", 7, "10.64.1.2/30")
			l.kernel.change(func(v *view) { v.links[len(v.links)-1].up = false })
		}, status.ReasonNoCarrier, "wwan0 has no carrier"},
		{"set down", func(l *leg) {
			l.plug("wwan0", 7, "10.64.1.2/30")
			l.kernel.change(func(v *view) { d := &v.links[len(v.links)-1]; d.up, d.set = false, false })
		}, status.ReasonNoCarrier, "wwan0 is set down"},
		{"no address", func(l *leg) { l.plug("wwan0", 7, "") }, status.ReasonNoAddress, "wwan0 has no IPv4 address"},
		{"an address of its own making", func(l *leg) { l.plug("wwan0", 7, "169.254.3.4/16") }, status.ReasonNoAddress, "wwan0 has no IPv4 address"},
		{"the first name counts, not the best", func(l *leg) {
			l.plug("wwan0", 7, "10.64.1.2/30")
			l.plug("ppp0", 8, "")
		}, status.ReasonNoAddress, "ppp0 has no IPv4 address"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeg(t)
				tt.change(l)
				l.start()
				time.Sleep(time.Second)
				l.expect(status.Down, tt.reason, tt.text)
			})
		})
	}
}

// A renamed, re-enumerated or re-addressed device is another path: who depends
// on the old one must hear of the loss, however short.
func TestEveryOtherDeviceIsALoss(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *leg)
		want   string
	}{
		{"ppp0 becomes wwan0", func(l *leg) { l.unplug("ppp0"); l.plug("wwan0", 9, "10.64.1.2/30") }, "wwan0 10.64.1.2/30 9"},
		{"re-plugged under its old name", func(l *leg) { l.plug("ppp0", 9, "10.64.1.2/32") }, "ppp0 10.64.1.2/32 9"},
		{"another address", func(l *leg) { l.plug("ppp0", 7, "10.64.7.7/32") }, "ppp0 10.64.7.7/32 7"},
		{"renamed", func(l *leg) {
			l.kernel.change(func(v *view) { v.links[len(v.links)-1].name = "wwan0" })
		}, "wwan0 10.64.1.2/32 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeg(t)
				l.up()
				l.set(func(l *leg) { l.reports = nil })
				tt.change(l)
				time.Sleep(inspectEvery + 2*probeSpacing)
				l.expect(status.OK, status.ReasonConnected, "")
				if l.reports[0].update.State.Usable() {
					t.Errorf("the loss was not told: %+v", l.reports[0].update)
				}
				p, _ := l.link.Path()
				if got := fmt.Sprintf("%s %s %d", p.Device, p.Address, p.Index); got != tt.want {
					t.Errorf("path %s, want %s", got, tt.want)
				}
				if got := l.routes(); !slices.Equal(got, []string{"10.0.0.0/16 " + p.Device}) {
					t.Errorf("routes %q", got)
				}
			})
		})
	}
}

func TestLossesOfTheDeviceAreToldAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(l *leg)
		want   status.Reason
	}{
		{"gone", func(l *leg) { l.unplug("ppp0") }, status.ReasonInterfaceMissing},
		{"carrier", func(l *leg) { l.kernel.change(func(v *view) { v.links[len(v.links)-1].up = false }) }, status.ReasonNoCarrier},
		{"address", func(l *leg) { l.kernel.change(func(v *view) { v.links[len(v.links)-1].addresses = nil }) }, status.ReasonNoAddress},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLeg(t)
				l.up()
				tt.change(l)
				time.Sleep(inspectEvery)
				l.expect(status.Down, tt.want, "")
				if got := l.routes(); len(got) != 0 {
					t.Errorf("routes %q are left", got)
				}
			})
		})
	}
}

// On a modem that routes, what leads into the VPC goes by its gateway; NetworkManager
// may take the default route away later, but not the way.
func TestRoutesGoByTheDevicesGateway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Link.Interface = []string{"usb0"}; o.Link.Routes = nil })
		l.plug("usb0", 7, "192.168.8.100/24")
		uplink := route{dst: netip.MustParsePrefix("0.0.0.0/0"), index: 7, gateway: netip.MustParseAddr("192.168.8.1"), metric: 20700}
		l.kernel.change(func(v *view) { v.routes = append(v.routes, uplink) })
		l.start()
		time.Sleep(2 * time.Second)
		if err := l.link.Route(t.Context(), netip.MustParseAddr("10.0.6.105")); err != nil {
			t.Error(err)
		}
		want := []string{"10.0.6.105/32 usb0 via 192.168.8.1", "10.0.6.53/32 usb0 via 192.168.8.1"}
		if got := l.routes(); !slices.Equal(got, want) {
			t.Errorf("host routes %q, want %q", got, want)
		}
		if got := l.kernel.bound["usb0"]; got != uplink.gateway {
			t.Errorf("what is bound to the device goes by %v", got)
		}
		l.kernel.change(func(v *view) { v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == uplink }) })
		time.Sleep(time.Second)
		if got := l.routes(); !slices.Equal(got, want) {
			t.Errorf("without the default route: %q", got)
		}
		// Another gateway is another way.
		uplink.gateway = netip.MustParseAddr("192.168.8.2")
		l.kernel.change(func(v *view) { v.routes = append(v.routes, uplink) })
		time.Sleep(time.Second)
		for _, r := range l.routes() {
			if !strings.HasSuffix(r, "192.168.8.2") {
				t.Errorf("by the old gateway: %s", r)
			}
		}
	})
}

func TestDeletedAndHijackedRoutesComeBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		want := l.routes()
		l.kernel.change(func(v *view) {
			v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r.protocol == protocol })
		})
		time.Sleep(inspectEvery)
		if got := l.routes(); !slices.Equal(got, want) || len(got) != 1 {
			t.Errorf("routes %q, want %q", got, want)
		}
		// A more specific route of somebody else takes the resolver away.
		l.kernel.change(func(v *view) {
			v.routes = append(v.routes, route{dst: netip.MustParsePrefix("10.0.6.0/24"), index: 2, gateway: netip.MustParseAddr("192.168.50.1")})
		})
		time.Sleep(inspectEvery)
		routes := l.routes()
		if index, _ := l.kernel.Leaves(netip.MustParseAddr("10.0.6.53")); index != 7 {
			t.Errorf("the resolver leaves by %d: %q", index, routes)
		}
	})
}

// A LAN with the VPC's own range keeps it; what the agent needs goes by the link.
func TestRangeOfTheLANIsWithheldAndNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.kernel.change(func(v *view) {
			v.links[1].addresses = append(v.links[1].addresses, netip.MustParsePrefix("10.0.77.1/16"))
			v.routes = append(v.routes, route{dst: netip.MustParsePrefix("10.0.0.0/16"), index: 2})
		})
		l.up()
		l.expect(status.OK, status.ReasonConnected, "10.0.0.0/16 is this device's own network as well")
		if got := l.routes(); !slices.Equal(got, []string{"10.0.6.53/32 ppp0"}) {
			t.Errorf("routes %q", got)
		}
		if got := l.last().Facts["routes_withheld"]; !slices.Equal(got.([]string), []string{"10.0.0.0/16"}) {
			t.Errorf("withheld %v", got)
		}
	})
}

func TestSilentVPCIsFoundByProbes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		began := time.Now()
		l.set(func(l *leg) { l.silent = true })
		for l.last().State.Usable() {
			time.Sleep(time.Second)
		}
		// The next probe, and two more in doubt; each over UDP, then TCP.
		if d, most := time.Since(began), time.Minute+3*(2*time.Second+tcpPart)+2*15*time.Second+time.Second; d > most {
			t.Errorf("noticed after %v, at most %v", d, most)
		}
		l.expect(status.Down, status.ReasonNoAnswer, "nothing answers through ppp0 (asked 10.0.6.53), nor does 100.127.100.127")
		l.set(func(l *leg) { l.silent = false })
		time.Sleep(20 * time.Second)
		l.expect(status.OK, status.ReasonConnected, "")
	})
}

// Traffic of the broker's session says that it is the resolver, not the path.
func TestSilentResolverIsNotADeadPath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.up()
		l.set(func(l *leg) { l.silent = true })
		for range 20 {
			time.Sleep(30 * time.Second)
			l.set(func(l *leg) { l.alive = time.Now() })
		}
		l.expect(status.OK, status.ReasonConnected, "")
		// Skipped while it proves the path.
		probes, _ := l.counts()
		if probes > 2 {
			t.Errorf("%d probes beside live traffic", probes)
		}
		// After a pause in the traffic the probes go on, and find nobody.
		time.Sleep(90 * time.Second)
		for range 20 {
			l.set(func(l *leg) { l.alive = time.Now() })
			time.Sleep(30 * time.Second)
		}
		l.expect(status.OK, status.ReasonConnected, "traffic flows, but 10.0.6.53 is silent since ")
		time.Sleep(10 * time.Minute)
		l.expect(status.Down, status.ReasonRecovering, "nothing answers through ppp0")
		if got := l.modem.log(); len(got) == 0 {
			t.Error("nothing was done about it")
		}
	})
}

func TestMeteredLinkIsThrifty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Link.Metered = true })
		l.up()
		time.Sleep(day)
		probes, pongs := l.counts()
		if most := int(day/meteredProbe) + 3; probes > most || pongs > 0 {
			t.Errorf("%d probes and %d pings in a day, want at most %d and none", probes, pongs, most)
		}
	})
}

// A metered standby costs nothing: its device tells that it is ready.
func TestMeteredStandbyIsJudgedByItsDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Link.Metered = true })
		l.link.serve(duty{standby: true})
		l.plug("ppp0", 7, "10.64.1.2/32")
		l.start()
		time.Sleep(time.Hour)
		l.expect(status.Waiting, status.ReasonStandby, "canal (interface) on ppp0, 10.64.1.2: ready")
		if probes, pongs := l.counts(); probes+pongs > 0 {
			t.Errorf("%d probes and %d pings on standby", probes, pongs)
		}
		// It is recovered all the same: it must be there when it is needed.
		l.unplug("ppp0")
		time.Sleep(inspectEvery + time.Minute + time.Second)
		l.expect(status.Down, status.ReasonRecovering, "none of ppp0, wwan0 exists")
		if got := l.modem.log(); len(got) != 1 || got[0].what != RungActivate {
			t.Errorf("done about it: %v", got)
		}
		l.plug("ppp0", 8, "10.64.1.2/32")
		time.Sleep(time.Second)
		l.expect(status.Waiting, status.ReasonStandby, "")
		l.link.serve(duty{})
		time.Sleep(2 * time.Second)
		l.expect(status.OK, status.ReasonConnected, "")
		l.link.serve(duty{standby: true})
		time.Sleep(time.Second)
		l.expect(status.Waiting, status.ReasonStandby, "")
	})
}

func TestRungThatFailsIsNamedAndPassed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.modem.set(func(m *fakeModem) {
			m.fail = map[string]error{RungActivate: errors.New("no such connection")}
			m.facts = status.Facts{"operator": "KDDI", "signal_percent": 61}
		})
		l.up()
		if f := l.last().Facts; f["operator"] != "KDDI" || f["signal_percent"] != 61 {
			t.Errorf("the modem's facts are missing: %v", f)
		}
		l.unplug("ppp0")
		time.Sleep(inspectEvery + 90*time.Second)
		next := time.Now().Add(30*time.Second - inspectEvery)
		l.expect(status.Down, status.ReasonRecovering, "activate the connection failed: no such connection; next: activate the connection at ")
		if got := l.link.rungs(); got != 1 {
			t.Errorf("%d rungs taken, want that one", got)
		}
		if f := l.last().Facts; f["recovery"] != RungActivate || f["recovery_next"] != RungActivate {
			t.Errorf("facts %v, next expected about %v", f, next)
		}
	})
}

// A rung that says when its budget allows it again is not counted and not asked before.
func TestRungIsPutOffByItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Recovery.Reboot = true })
		budget := time.Now().Add(5 * time.Hour)
		l.modem.set(func(m *fakeModem) {
			m.rungs = []string{RungReboot}
			m.fail = map[string]error{RungReboot: putOffError{budget}}
		})
		l.start()
		time.Sleep(5*time.Hour + putOffLeast/2)
		want := []string{"reboot 1h0m0s", "reboot 5h0m0s"}
		if got := rungsOfDay(l.modem.log(), 0); !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

type putOffError struct{ until time.Time }

func (putOffError) Error() string          { return "the budget of reboots is used up" }
func (e putOffError) NotBefore() time.Time { return e.until }

func TestInterfaceLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		l.plug("ppp0", 7, "10.64.1.2/32")
		stop := l.start()
		time.Sleep(2 * time.Second)
		l.expect(status.OK, status.ReasonConnected, "")
		l.unplug("eth0") // somebody else's affair
		stop()
		if got := l.routes(); len(got) != 0 || len(l.kernel.bound) != 0 {
			t.Errorf("left: %q, %v", got, l.kernel.bound)
		}
		if _, ok := l.link.Path(); ok {
			t.Error("there is still a path")
		}
		if err := l.link.Route(context.Background(), netip.MustParseAddr("10.0.0.9")); !errors.Is(err, ErrDown) {
			t.Errorf("routing after the run: %v", err)
		}
	})
}

func TestInterfaceNeedsItsParts(t *testing.T) {
	if _, err := NewInterface(InterfaceOptions{Link: config.Link{Name: "canal"}}); err == nil {
		t.Error("made without a device to watch")
	}
}
