package vpn

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestPreferredLinkCarries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		stop := p.start()
		time.Sleep(time.Minute)
		p.expect(status.OK, status.ReasonConnected, "vpn (openvpn) on tun0")
		p.over("tun0")
		if probes, pongs := p.canal.counts(); probes+pongs != 0 {
			t.Errorf("the metered standby was asked %d times", probes+pongs)
		}
		want := []LinkState{
			{Name: "vpn", Type: "openvpn", State: status.OK, Reason: status.ReasonConnected, Device: "tun0", Active: true},
			{Name: "canal", Type: "interface", State: status.Waiting, Reason: status.ReasonStandby, Device: "ppp0"},
		}
		got := p.links.List()
		for i := range got {
			got[i].Detail = ""
		}
		if !slices.Equal(got, want) {
			t.Errorf("\n got %+v\nwant %+v", got, want)
		}
		stop()
		if left := p.canal.routes(); len(left) != 0 {
			t.Errorf("left: %q", left)
		}
	})
}

// A tunnel that goes silent: 18 s to be sure, then the modem has to answer twice.
func TestBlackHoleFailsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		p.over("tun0")
		p.trail()
		p.vpn.blackhole(true)
		if took := p.until("ppp0", 45*time.Second); took > 25*time.Second {
			t.Errorf("it took %v", took)
		}
		p.over("ppp0")
		p.expect(status.Degraded, status.ReasonFailover, "canal (interface) on ppp0, 10.64.1.2; vpn (openvpn): nothing from 203.0.113.10:443")
		if got := p.trail(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "down ") }) {
			t.Errorf("no loss was told: %q", got)
		}
		if got := p.canal.routes(); !slices.Equal(got, []string{"10.0.0.0/16 ppp0", "refuse 10.0.0.0/16"}) {
			t.Errorf("routes %q", got)
		}
	})
}

// A server that does not ping makes no sound when it dies; with a link to go to
// the probes must find out in time all the same.
func TestBlackHoleWithoutPingsFailsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.vpn.engine.set(func(e *fakeEngine) { e.noPing = true })
		p.ready()
		p.start()
		time.Sleep(3 * time.Minute)
		p.over("tun0")
		p.vpn.blackhole(true)
		p.until("ppp0", 40*time.Second)
	})
}

func TestLossThatTheDeviceReportsFailsOverWithin2s(t *testing.T) {
	for _, tt := range []struct {
		name, order, to string
		lose            func(p *twoLinks)
	}{
		{"the uplink", "vpn canal", "ppp0", func(p *twoLinks) {
			p.vpn.kernel.change(func(v *view) { v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == defaultRoute }) })
		}},
		{"the modem", "canal vpn", "tun0", func(p *twoLinks) { p.canal.unplug("ppp0") }},
		{"its address", "canal vpn", "tun0", func(p *twoLinks) {
			p.vpn.kernel.change(func(v *view) {
				i := slices.IndexFunc(v.links, func(d device) bool { return d.name == "ppp0" })
				v.links[i].addresses = nil
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTwoLinks(t, tt.order)
				p.ready()
				p.start()
				time.Sleep(time.Minute)
				tt.lose(p)
				p.until(tt.to, 1500*time.Millisecond)
				p.over(tt.to)
			})
		})
	}
}

// The path goes back after five minutes of health, with one loss.
func TestFailbackHolds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		p.vpn.blackhole(true)
		p.until("ppp0", time.Minute)
		time.Sleep(2 * time.Minute) // for a rung
		p.vpn.blackhole(false)
		for p.links.List()[0].State != status.OK {
			time.Sleep(time.Second)
		}
		well := time.Now()
		p.expect(status.Degraded, status.ReasonFailover, "vpn is well again, back to it at "+well.Add(holdBase).Format(time.TimeOnly)[:6])
		p.trail()
		if took := p.until("tun0", holdBase+time.Minute); took < holdBase-2*time.Second || took > holdBase+2*time.Second {
			t.Errorf("back after %v", took)
		}
		p.over("tun0")
		if got := p.reports[len(p.reports)-1].update.Facts["failovers"]; got != 2 {
			t.Errorf("%v failovers, want there and back", got)
		}
		if got := p.links.List()[0]; got.Recoveries != 1 || got.Rungs < 1 {
			t.Errorf("recovered %d times with %d rungs", got.Recoveries, got.Rungs)
		}
		want := []string{"degraded failover canal", "down failover vpn", "ok connected vpn"}
		if got := p.trail(); !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
		if got := p.links.List()[1]; got.State != status.Waiting || got.Reason != status.ReasonStandby {
			t.Errorf("the modem after that: %+v", got)
		}
	})
}

// Each return that does not last makes the next one later, up to an hour.
func TestHoldGrowsWhileThePreferredLinkFlaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "canal vpn")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		var waits []time.Duration
		for range 7 {
			p.canal.unplug("ppp0")
			p.until("tun0", 10*time.Second)
			p.ready()
			waits = append(waits, p.until("ppp0", 2*time.Hour).Round(time.Minute))
			time.Sleep(10 * time.Minute)
		}
		want := []time.Duration{5 * time.Minute, 10 * time.Minute, 20 * time.Minute, 40 * time.Minute, time.Hour, time.Hour, time.Hour}
		if !slices.Equal(waits, want) {
			t.Errorf("waits %v, want %v", waits, want)
		}
		time.Sleep(quietAfter)
		p.canal.unplug("ppp0")
		p.until("tun0", 10*time.Second)
		p.ready()
		if took := p.until("ppp0", 2*time.Hour).Round(time.Minute); took != holdBase {
			t.Errorf("after a quiet time the hold is %v", took)
		}
	})
}

// A day of a link that comes and goes each 40 s: one switch, no more.
func TestDayOfAFlappingPreferredLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "canal vpn")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		losses, before := 0, status.Starting
		for time.Since(p.began) < day {
			p.canal.unplug("ppp0")
			time.Sleep(40 * time.Second)
			p.ready()
			time.Sleep(40 * time.Second)
			p.mu.Lock()
			for _, r := range p.reports {
				if before.Usable() && !r.update.State.Usable() {
					losses++
				}
				before = r.update.State
			}
			p.reports = p.reports[len(p.reports)-1:]
			p.mu.Unlock()
		}
		p.over("tun0")
		if losses != 1 {
			t.Errorf("%d losses of the path, want 1", losses)
		}
		if got := p.canal.modem.log(); len(got) != 0 {
			t.Errorf("the modem was touched: %v", got)
		}
	})
}

// A metered OpenVPN would cost its pings: it is dialled when it is needed, and
// left when it is not.
func TestMeteredOpenVPNIsDialledWhenNeeded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "canal vpn", func(v *Options, c *InterfaceOptions) { v.Link.Metered, c.Link.Metered = true, false })
		p.ready()
		p.start()
		time.Sleep(10 * time.Minute)
		p.over("ppp0")
		if got := p.vpn.engine.noted("start"); len(got) != 0 {
			t.Fatalf("started at %v", got)
		}
		if got := p.links.List()[1]; got.State != status.Waiting || got.Reason != status.ReasonStandby {
			t.Errorf("on standby: %+v", got)
		}
		if err := p.links.Restart(t.Context(), "vpn"); !errors.Is(err, ErrDown) {
			t.Errorf("restart of a link that sleeps: %v", err)
		}
		p.canal.unplug("ppp0")
		p.until("tun0", 2*time.Second)
		p.over("tun0")
		p.ready()
		p.until("ppp0", holdBase+time.Minute)
		time.Sleep(time.Second)
		if _, running := p.vpn.link.Path(); running {
			t.Error("it still runs")
		}
	})
}

// At the start the preferred link is given the time it needs to connect.
func TestPreferredLinkHasAHeadStart(t *testing.T) {
	for _, tt := range []struct {
		name    string
		opening time.Duration
		want    string
	}{
		{"connects in time", headStart / 2, "tun0"},
		{"takes too long", 2 * headStart, "ppp0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newTwoLinks(t, "vpn canal")
				p.vpn.engine.set(func(e *fakeEngine) { e.opening = tt.opening })
				p.ready()
				p.start()
				for {
					time.Sleep(time.Second)
					if path, ok := p.links.Path(); ok {
						if path.Device != tt.want {
							t.Errorf("first over %s, want %s", path.Device, tt.want)
						}
						return
					}
				}
			})
		})
	}
}

// A range is refused on this device while no link takes it, from the beginning,
// and so is every address of the VPC that is known.
func TestNothingOfTheVPCLeavesWithoutALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal", func(v *Options, c *InterfaceOptions) { v.Link.Routes, c.Link.Routes = nil, nil })
		p.vpn.kernel.check = nil // nobody knows yet which addresses are the VPC's
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		if err := p.links.Route(t.Context(), vpcHost); err != nil {
			t.Error(err)
		}
		p.over("tun0")
		want := []string{"10.0.6.105/32 tun0", "10.0.6.53/32 tun0", "refuse 10.0.6.105/32", "refuse 10.0.6.53/32"}
		if got := p.canal.routes(); !slices.Equal(got, want) {
			t.Errorf("routes %q, want %q", got, want)
		}
		p.vpn.kernel.check = p.watchUplink
		// Both links are lost; somebody tidies up routes that he does not know.
		p.canal.unplug("ppp0")
		p.vpn.kernel.change(func(v *view) {
			v.routes = slices.DeleteFunc(v.routes, func(r route) bool { return r == defaultRoute || r.unreachable })
		})
		time.Sleep(time.Second)
		p.vpn.kernel.removeTun()
		p.vpn.kernel.change(func(v *view) { v.routes = append(v.routes, defaultRoute) })
		if got := p.canal.routes(); !slices.Contains(got, "refuse 10.0.6.105/32") {
			t.Errorf("routes %q", got)
		}
	})
}

// The gateway of the uplink may have an address that is one of the VPC's, too.
func TestGuardsSpareTheDevicesOwnNetwork(t *testing.T) {
	r := newRoads(newFakeKernel(), nil)
	r.ranges = []netip.Prefix{netip.MustParsePrefix("192.168.50.0/25"), netip.MustParsePrefix("10.0.0.0/16")}
	r.hosts = []netip.Addr{netip.MustParseAddr("192.168.50.1"), netip.MustParseAddr("192.168.50.10"), netip.MustParseAddr("192.168.50.77"), netip.MustParseAddr("10.0.0.2")}
	if err := r.tend(); err != nil {
		t.Fatal(err)
	}
	v, _ := r.View()
	var got []string
	for _, g := range v.guards() {
		got = append(got, g.dst.String())
	}
	if want := []string{"10.0.0.0/16", "192.168.50.77/32"}; !slices.Equal(got, want) {
		t.Errorf("guarded %q, want %q", got, want)
	}
}

// What ends one link does not touch the other.
func TestLinksFailApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		p.vpn.engine.set(func(e *fakeEngine) { e.cleanErr = errors.New("a process that cannot be ended") })
		p.start()
		p.until("ppp0", 20*time.Second)
		p.expect(status.Degraded, status.ReasonFailover, "vpn: a process that cannot be ended")
		time.Sleep(time.Hour)
		p.over("ppp0")
		p.vpn.engine.set(func(e *fakeEngine) { e.cleanErr = nil })
		p.until("tun0", memberPauseMax+holdBase+time.Minute)
	})
}

func TestRestartNamesALink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		if err := p.links.Restart(t.Context(), "lte"); !errors.Is(err, ErrUnknown) || !strings.Contains(err.Error(), "there is vpn, canal") {
			t.Errorf("unknown: %v", err)
		}
		if err := p.links.Restart(t.Context(), "canal"); err != nil {
			t.Error(err)
		}
		if err := p.links.Restart(t.Context(), ""); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if got := p.vpn.engine.noted("start"); len(got) != 2 {
			t.Errorf("OpenVPN was started at %v", got)
		}
		if got := p.canal.modem.log(); len(got) != 1 {
			t.Errorf("the modem: %v", got)
		}
	})
}

// A server that asks for a new connection (a session ends after 24 h at AWS) has
// it in a second: the modem is not paid for that.
func TestReconnectIsGivenAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.ready()
		p.start()
		time.Sleep(time.Minute)
		p.trail()
		p.vpn.engine.set(func(e *fakeEngine) { e.opening = reconnectGrace / 2 })
		p.vpn.engine.current().say(">STATE:1795295778,RECONNECTING,server-pushed-connection-reset,,,,,", ">HOLD:Waiting for hold release:1")
		time.Sleep(time.Minute)
		p.over("tun0")
		if got, want := p.trail(), []string{"ok connected vpn", "down connecting vpn", "ok connected vpn"}; !slices.Equal(got, want) {
			t.Errorf("\n got %q\nwant %q", got, want)
		}
		if probes, pongs := p.canal.counts(); probes+pongs != 0 {
			t.Errorf("the modem was asked %d times", probes+pongs)
		}
		// One that does not come back is left.
		p.vpn.engine.set(func(e *fakeEngine) { e.server = silent })
		p.vpn.engine.current().say(">STATE:1795295778,RECONNECTING,server-pushed-connection-reset,,,,,", ">HOLD:Waiting for hold release:1")
		p.until("ppp0", reconnectGrace+3*time.Second)
	})
}
