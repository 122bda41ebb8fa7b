package vpn

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// An agent that is replaced leaves routes and guards; the next one goes on with
// them, and at no time is there a way out for the VPC.
func TestLinksAreLeftAndTakenOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "canal")
		p.ready()
		stop := p.start()
		time.Sleep(2 * time.Second)
		if err := p.links.Route(t.Context(), netip.MustParseAddr("10.9.0.9")); err != nil {
			t.Fatal(err)
		}
		p.over("ppp0")
		p.trail()
		p.links.Leave()
		stop()
		if got := p.trail(); len(got) != 1 {
			t.Errorf("told at the end: %q", got)
		}
		want := []string{"10.0.0.0/16 ppp0", "10.9.0.9/32 ppp0", "refuse 10.0.0.0/16", "refuse 10.9.0.9/32"}
		if got := p.canal.routes(); !slices.Equal(got, want) {
			t.Fatalf("left %q, want %q", got, want)
		}
		if got := p.links.Settle(); len(got) != 0 || p.links.Carried() != "canal" {
			t.Errorf("settled %v, carried by %q", got, p.links.Carried())
		}
		next := newTwoLinks(t, "canal")
		next.links = newLinks(next.links.o, p.vpn.kernel)
		next.canal.kernel = p.vpn.kernel
		next.canal.link = newInterface(next.canal.link.opts, nil)
		next.canal.link.pong = next.canal.ping
		m := next.links.add(next.canal.link.opts.Link)
		next.canal.link.kernel, m.run = m.lane, next.canal.link
		next.vpn.kernel = p.vpn.kernel
		next.start()
		time.Sleep(2 * time.Second)
		next.expect(status.OK, status.ReasonConnected, "ppp0")
		next.over("ppp0")
		// What is not known to be needed any more stays refused, but is not routed.
		want = []string{"10.0.0.0/16 ppp0", "refuse 10.0.0.0/16", "refuse 10.9.0.9/32"}
		if got := p.canal.routes(); !slices.Equal(got, want) {
			t.Errorf("after that %q, want %q", got, want)
		}
	})
}

// The link that carried the path of the agent before carries on, though the
// preferred one is up sooner; the path goes back as after any failover.
func TestLinkThatCarriedCarriesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newTwoLinks(t, "vpn canal")
		p.links.o.Carried = "canal"
		p.links.inherit()
		p.ready()
		p.start()
		p.until("ppp0", 5*time.Second)
		if got := p.trail(); strings.Contains(strings.Join(got, " "), "vpn") {
			t.Errorf("told before: %q", got)
		}
		time.Sleep(holdBase / 2)
		p.over("ppp0")
		p.until("tun0", holdBase)
	})
}

// One that is not there any more is not waited for.
func TestLinkThatCarriedIsGone(t *testing.T) {
	for _, name := range []string{"canal", "lte"} {
		synctest.Test(t, func(t *testing.T) {
			p := newTwoLinks(t, "vpn canal")
			p.links.o.Carried = name
			p.links.inherit()
			p.start()
			p.until("tun0", 5*time.Second)
			p.expect(status.OK, status.ReasonConnected, "vpn (openvpn) on tun0")
		})
	}
}

// What an OpenVPN keeps of an earlier run is its own from then on.
func TestLaneKeepsWhatAnEarlierRunLeft(t *testing.T) {
	k := newFakeKernel()
	k.makeTun("10.100.0.2", 11)
	old := route{dst: netip.MustParsePrefix("10.0.0.0/16"), index: 11, protocol: protocol}
	stale := route{dst: netip.MustParsePrefix("10.0.9.9/32"), index: 11, protocol: protocol}
	if err := k.Change(nil, []route{old, stale}); err != nil {
		t.Fatal(err)
	}
	r := newRoads(k, nil)
	l := &lane{roads: r}
	v, _ := l.View()
	if got := v.ours(); len(got) != 2 {
		t.Fatalf("it sees %v", got)
	}
	if err := l.Change([]route{stale}, nil); err != nil {
		t.Fatal(err)
	}
	if err := r.put(l); err != nil {
		t.Fatal(err)
	}
	v, _ = r.View()
	if got := v.ours(); !slices.Equal(got, []route{old}) {
		t.Errorf("after its turn: %v", got)
	}
}
