package vpn

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// leg is an Interface with everything around it made up, for use in a synctest
// bubble: a kernel in memory, a VPC that answers or not, and a modem.
type leg struct {
	t      *testing.T
	link   *Interface
	kernel *fakeKernel
	modem  *fakeModem
	began  time.Time

	mu      sync.Mutex
	reports []seen
	probes  []time.Duration
	silent  bool // nothing in the VPC answers
	pong    bool // the carrier's side of the modem answers
	pongs   int
	alive   time.Time
}

func newLeg(t *testing.T, change ...func(*InterfaceOptions)) *leg {
	l := &leg{t: t, began: time.Now(), kernel: newFakeKernel()}
	l.modem = &fakeModem{l: l, rungs: []string{RungActivate, RungReenable, RungReset, RungModemManager, RungUSB, RungReboot}}
	d := config.Default()
	o := InterfaceOptions{
		Link: config.Link{Name: "canal", Type: config.LinkInterface, Interface: []string{"ppp0", "wwan0"}, Connection: "soracom",
			Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}},
		Probe: d.Probe, Recovery: d.Recovery, Servers: []netip.Addr{netip.MustParseAddr("10.0.6.53")},
		ProbePath: l.probe, Alive: l.lastAlive, Rescue: l.modem, Log: discard,
	}
	for _, c := range change {
		c(&o)
	}
	l.link = newInterface(o, l.kernel)
	l.link.pong = l.ping
	return l
}

// start runs the link until the test ends, or until the returned function is called.
func (l *leg) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- l.link.Run(ctx, l.report) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			l.t.Error(err)
		}
	})
	l.t.Cleanup(stop)
	return stop
}

func (l *leg) report(u status.Update) {
	_, up := l.link.Path()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reports = append(l.reports, seen{time.Since(l.began), u, up})
	if u.State.Usable() != up {
		l.t.Errorf("reported %s while Path() says usable=%v", u.State, up)
	}
}

func (l *leg) probe(ctx context.Context, _ Path) (time.Duration, error) {
	l.mu.Lock()
	l.probes = append(l.probes, time.Since(l.began))
	silent := l.silent
	l.mu.Unlock()
	if silent {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return 40 * time.Millisecond, nil
}

func (l *leg) ping(ctx context.Context, _ string) (time.Duration, error) {
	l.mu.Lock()
	l.pongs++
	answers := l.pong
	l.mu.Unlock()
	if answers {
		return 45 * time.Millisecond, nil
	}
	select {
	case <-time.After(pongTries * pongTimeout):
	case <-ctx.Done():
	}
	return 0, errors.New("no pong")
}

func (l *leg) lastAlive() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.alive
}

// set changes what answers.
func (l *leg) set(f func(l *leg)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// plug makes a device with an address, as a modem's or pppd's.
func (l *leg) plug(name string, index int, address string) {
	l.kernel.change(func(v *view) {
		removeLinks(v, name)
		d := device{name: name, index: index, mtu: 1450, set: true, up: true}
		if address != "" {
			d.addresses = []netip.Prefix{netip.MustParsePrefix(address)}
		}
		v.links = append(v.links, d)
	})
}

// unplug takes a device away, with its routes.
func (l *leg) unplug(name string) { l.kernel.change(func(v *view) { removeLinks(v, name) }) }

// last returns the latest report.
func (l *leg) last() status.Update {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.reports) == 0 {
		return status.Update{}
	}
	return l.reports[len(l.reports)-1].update
}

// expect fails the test unless the link is in this condition now.
func (l *leg) expect(s status.State, r status.Reason, part string) {
	l.t.Helper()
	u := l.last()
	if u.State != s || u.Reason != r || !strings.Contains(u.Detail, part) {
		l.t.Fatalf("at %v: %s %s %q, want %s %s ...%q", time.Since(l.began), u.State, u.Reason, u.Detail, s, r, part)
	}
}

// up starts the link on ppp0 and waits until it is proved.
func (l *leg) up() {
	l.t.Helper()
	l.plug("ppp0", 7, "10.64.1.2/32")
	l.start()
	time.Sleep(2 * time.Second)
	l.expect(status.OK, status.ReasonConnected, "canal (interface) on ppp0, 10.64.1.2")
}

// counts returns how many probes and pings there were so far.
func (l *leg) counts() (probes, pongs int) {
	synctest.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.probes), l.pongs
}

// routes renders the agent's routes as "dst dev".
func (l *leg) routes() []string {
	synctest.Wait()
	v := l.kernel.view()
	out := []string{}
	for _, r := range v.ours() {
		d, _ := v.link(r.index)
		s := fmt.Sprintf("%s %s", r.dst, d.name)
		if r.gateway.IsValid() {
			s += " via " + r.gateway.String()
		}
		if r.unreachable {
			s = "refuse " + r.dst.String()
		}
		out = append(out, s)
	}
	slices.Sort(out)
	return out
}

// fakeModem is a Rescue whose rungs do what the test says.
type fakeModem struct {
	l *leg

	mu      sync.Mutex
	rungs   []string
	taken   []event
	takes   time.Duration // how long a rung goes on
	fail    map[string]error
	mend    map[string]func() // what a rung does
	refused *cause
	facts   status.Facts
	inside  int
}

func (m *fakeModem) set(f func(m *fakeModem)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

func (m *fakeModem) enter() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.inside++; m.inside > 1 {
		m.l.t.Error("the modem is asked for two things at once")
	}
	return func() { m.set(func(m *fakeModem) { m.inside-- }) }
}

func (m *fakeModem) Rungs(context.Context) []string {
	defer m.enter()()
	return m.rungs
}

func (m *fakeModem) Do(ctx context.Context, rung string) error {
	defer m.enter()()
	m.mu.Lock()
	m.taken = append(m.taken, event{time.Since(m.l.began), rung})
	err, mend, takes := m.fail[rung], m.mend[rung], m.takes
	m.mu.Unlock()
	if takes > 0 {
		select {
		case <-time.After(takes):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if mend != nil {
		mend()
	}
	return err
}

func (m *fakeModem) Facts(context.Context) status.Facts {
	defer m.enter()()
	return m.facts
}

func (m *fakeModem) Permanent(context.Context) (status.Reason, string, string, bool) {
	defer m.enter()()
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.refused == nil {
		return "", "", "", false
	}
	return m.refused.reason, m.refused.text, m.refused.hint, true
}

// log returns what was done so far.
func (m *fakeModem) log() []event {
	synctest.Wait()
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.taken)
}
