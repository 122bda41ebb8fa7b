package vpn

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// vpcHost is in the VPC's range: nothing for it may ever leave by the uplink.
var vpcHost = netip.MustParseAddr("10.0.6.105")

// twoLinks is two links over one network in memory: an OpenVPN and a modem.
type twoLinks struct {
	t     *testing.T
	links *Links
	vpn   *world
	canal *leg
	began time.Time

	mu      sync.Mutex
	reports []seen
}

// newTwoLinks makes the links in the order of names; change edits their options.
func newTwoLinks(t *testing.T, names string, change ...func(v *Options, c *InterfaceOptions)) *twoLinks {
	p := &twoLinks{t: t, vpn: newWorld(t), canal: newLeg(t), began: time.Now()}
	vo, co := p.vpn.link.opts, p.canal.link.opts
	vo.Link.Routes, co.Link.Metered = co.Link.Routes, true
	vo.Servers = co.Servers
	for _, c := range change {
		c(&vo, &co)
	}
	p.canal.kernel = p.vpn.kernel
	o := LinksOptions{Clock: vo.Clock, Log: discard, Meter: &Meter{}}
	for name := range strings.FieldsSeq(names) {
		o.Links = append(o.Links, vo.Link)
		if name == "canal" {
			o.Links[len(o.Links)-1] = co.Link
		}
	}
	p.links = newLinks(o, p.vpn.kernel)
	for _, c := range o.Links {
		m := p.links.add(c)
		if c.Name == "canal" {
			p.canal.link = newInterface(co, m.lane)
			p.canal.link.pong = p.canal.ping
			m.run = p.canal.link
			continue
		}
		p.vpn.link = newOpenVPN(vo, p.vpn.engine, m.lane)
		m.run = p.vpn.link
	}
	p.vpn.kernel.check = p.watchUplink
	return p
}

// watchUplink fails the test if the VPC's traffic could leave in the open. It is
// called after every change of the network.
func (p *twoLinks) watchUplink(v view) {
	if !slices.ContainsFunc(v.routes, func(r route) bool { return r.protocol == protocol }) {
		return // before the run, and after it
	}
	if best := v.towards(vpcHost); best.index == 2 {
		p.t.Errorf("at %v: %s leaves by the uplink: %+v", time.Since(p.began), vpcHost, v.routes)
	}
}

func (p *twoLinks) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.links.Run(ctx, p.report) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			p.t.Error(err)
		}
	})
	p.t.Cleanup(stop)
	return stop
}

func (p *twoLinks) report(u status.Update) {
	// A path that is lost is gone a moment before its loss is told, and another
	// link may speak in that moment; never is one left that is told to be lost.
	if _, up := p.links.Path(); up && !u.State.Usable() {
		p.t.Errorf("reported %s while there is a path", u.State)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reports = append(p.reports, seen{at: time.Since(p.began), update: u})
}

// trail returns since the last call "state reason link", repetitions left out.
func (p *twoLinks) trail() []string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []string
	for _, r := range p.reports {
		s := fmt.Sprintf("%s %s %v", r.update.State, r.update.Reason, r.update.Facts["link"])
		if len(out) == 0 || out[len(out)-1] != s {
			out = append(out, s)
		}
	}
	p.reports = p.reports[len(p.reports)-1:]
	return out
}

func (p *twoLinks) expect(s status.State, r status.Reason, part string) {
	p.t.Helper()
	synctest.Wait()
	p.mu.Lock()
	u := p.reports[len(p.reports)-1].update
	p.mu.Unlock()
	if u.State != s || u.Reason != r || !strings.Contains(u.Detail, part) {
		p.t.Fatalf("at %v: %s %s %q, want %s %s ...%q", time.Since(p.began), u.State, u.Reason, u.Detail, s, r, part)
	}
	if _, up := p.links.Path(); up != s.Usable() {
		p.t.Fatalf("at %v: %s, but Path() says usable=%v", time.Since(p.began), s, up)
	}
}

// over fails the test unless the path goes by the device, for all programs.
func (p *twoLinks) over(device string) {
	p.t.Helper()
	synctest.Wait()
	path, ok := p.links.Path()
	if !ok || path.Device != device {
		p.t.Fatalf("at %v: path %+v %v, want %s", time.Since(p.began), path, ok, device)
	}
	if index, _ := p.vpn.kernel.Leaves(vpcHost); index != path.Index {
		p.t.Fatalf("at %v: %s leaves by %d, want %d: %q", time.Since(p.began), vpcHost, index, path.Index, p.canal.routes())
	}
}

// until sleeps until the path goes by the device and returns how long that took.
func (p *twoLinks) until(device string, most time.Duration) time.Duration {
	p.t.Helper()
	began := time.Now()
	for time.Since(began) <= most {
		synctest.Wait()
		if path, ok := p.links.Path(); ok && path.Device == device {
			return time.Since(began)
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.t.Fatalf("no path over %s within %v: %q", device, most, p.trail())
	return 0
}

// ready plugs the modem in.
func (p *twoLinks) ready() { p.canal.plug("ppp0", 7, "10.64.1.2/32") }
