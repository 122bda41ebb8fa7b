package vpn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// world is a link with everything around it made up, for use in a synctest
// bubble: OpenVPN behind a pipe, a kernel in memory, a prober and a name server.
type world struct {
	t      *testing.T
	link   *OpenVPN
	kernel *fakeKernel
	engine *fakeEngine
	began  time.Time

	mu       sync.Mutex
	reports  []seen
	probeErr error
	probes   []time.Duration // when, since the beginning
	alive    time.Time
	addrs    []netip.Addr
	lookErr  error
	lookHang bool // lookups go on until their time is up
	lookTime time.Duration
	looked   []string
}

// seen is one report with its time.
type seen struct {
	at     time.Duration
	update status.Update
	path   bool // Path() was there at that moment
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	w := &world{t: t, began: time.Now(), addrs: []netip.Addr{netip.MustParseAddr("203.0.113.10")}}
	w.kernel = newFakeKernel()
	gate, _ := clock.NewGate(time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), filepath.Join(t.TempDir(), "last-time"))
	d := config.Default()
	o := Options{
		Link:       config.Link{Name: "vpn", Type: config.LinkOpenVPN, Config: "client.ovpn"},
		Probe:      d.Probe,
		Recovery:   d.Recovery,
		RuntimeDir: t.TempDir(),
		Lookup:     w.lookup, ProbePath: w.probe, Alive: w.lastAlive,
		Clock: gate, Log: discard,
	}
	for _, c := range change {
		c(&o)
	}
	w.engine = &fakeEngine{w: w, text: "client\ndev tun\nremote vpn.example 443 udp\nremote-random-hostname\n", address: "10.100.0.2", server: answering}
	w.link = newOpenVPN(o, w.engine, w.kernel)
	return w
}

// start runs the link until the test ends, or until the returned function is called.
func (w *world) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			if err := w.link.Run(ctx, w.report); err != nil {
				w.mark("run: " + err.Error())
				time.Sleep(time.Second) // as the chain does
			}
		}
	}()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

func (w *world) report(u status.Update) {
	_, up := w.link.Path()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, seen{time.Since(w.began), u, up})
	if u.State.Usable() != up {
		w.t.Errorf("reported %s while Path() says usable=%v", u.State, up)
	}
}

// mark puts an event that is no report among them.
func (w *world) mark(s string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reports = append(w.reports, seen{at: time.Since(w.began), update: status.Update{Reason: "-", Detail: s}})
}

func (w *world) probe(ctx context.Context, p Path) (time.Duration, error) {
	w.mu.Lock()
	w.probes = append(w.probes, time.Since(w.began))
	err := w.probeErr
	w.mu.Unlock()
	if err != nil {
		<-ctx.Done() // a silent path takes all the time there is
		return 0, err
	}
	return 12 * time.Millisecond, nil
}

func (w *world) lastAlive() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.alive
}

// blackhole lets nothing come back any more, or everything again.
func (w *world) blackhole(on bool) {
	w.mu.Lock()
	w.probeErr = nil
	if on {
		w.probeErr = errors.New("silence")
	}
	w.mu.Unlock()
	w.engine.set(func(e *fakeEngine) { e.mute = on })
}

// last returns the latest report.
func (w *world) last() status.Update {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.reports) - 1; i >= 0; i-- {
		if w.reports[i].update.Reason != "-" {
			return w.reports[i].update
		}
	}
	return status.Update{}
}

// expect fails the test unless the link is in this condition now.
func (w *world) expect(s status.State, r status.Reason, part string) {
	w.t.Helper()
	u := w.last()
	if u.State != s || u.Reason != r || !strings.Contains(u.Detail, part) {
		w.t.Fatalf("at %v: %s %s %q, want %s %s ...%q", time.Since(w.began), u.State, u.Reason, u.Detail, s, r, part)
	}
}

// counts returns how many reports and probes there were so far.
func (w *world) counts() (reports, probes int) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.reports), len(w.probes)
}

// trail returns state and reason of the reports, repetitions left out.
func (w *world) trail() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []string
	for _, r := range w.reports {
		if s := fmt.Sprintf("%s %s", r.update.State, r.update.Reason); r.update.Reason != "-" && (len(out) == 0 || out[len(out)-1] != s) {
			out = append(out, s)
		}
	}
	return out
}

// server is what the made-up OpenVPN meets.
type server int

const (
	answering server = iota
	silent           // no packet comes back
	rejecting        // AUTH_FAILED
	scripted         // the test says every line
)

// fakeEngine makes OpenVPN processes out of goroutines.
type fakeEngine struct {
	w *world

	mu       sync.Mutex
	text     string // the user's file
	server   server
	address  string        // that the server pushes
	index    int           // of the tun device; a new one each time it is made
	mute     bool          // no bytes come in
	pin      netip.Addr    // in the configuration; without it the process asks
	opening  time.Duration // from the release or the answer to >REMOTE to the first packet
	in       uint64
	startErr error
	cleanErr error
	noPing   bool // the server pushes no ping
	deaf     bool // the management socket never appears
	procs    []*fakeProcess
	events   []event // starts and commands
	cleaned  int
}

// event is a start or a command with its time.
type event struct {
	at   time.Duration
	what string
}

func (e *fakeEngine) set(f func(*fakeEngine)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

func (e *fakeEngine) note(what string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, event{time.Since(e.w.began), what})
}

// noted returns the events that begin with one of the words.
func (e *fakeEngine) noted(words ...string) []event {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	var out []event
	for _, v := range e.events {
		if slices.ContainsFunc(words, func(word string) bool { return strings.HasPrefix(v.what, word) }) {
			out = append(out, v)
		}
	}
	return out
}

func (e *fakeEngine) Clean() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cleaned++
	return e.cleanErr
}

func (e *fakeEngine) Prepare() (*profile, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := parseProfile(e.w.link.opts.Link.Config, e.text)
	return p, p.err()
}

func (e *fakeEngine) Start() (process, error) {
	e.mu.Lock()
	err := e.startErr
	e.mu.Unlock()
	if err != nil {
		return nil, err
	}
	e.note("start")
	e.mu.Lock()
	defer e.mu.Unlock()
	ours, theirs := net.Pipe()
	p := &fakeProcess{e: e, pid: 1000 + len(e.procs), pin: e.pin, conn: theirs, client: ours, out: make(chan string, 1000), done: make(chan exit, 1), gone: make(chan struct{})}
	e.procs = append(e.procs, p)
	go p.write()
	go p.read()
	go p.count()
	p.say(">INFO:OpenVPN Management Interface Version 5 -- type 'help' for more info", ">HOLD:Waiting for hold release:0")
	return p, nil
}

func (e *fakeEngine) current() *fakeProcess {
	synctest.Wait()
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.procs[len(e.procs)-1]
}

// fakeProcess speaks like OpenVPN 2.6.14.
type fakeProcess struct {
	e            *fakeEngine
	pid          int
	pin          netip.Addr // it has read
	conn, client net.Conn
	out          chan string
	done         chan exit
	once         sync.Once
	gone         chan struct{}
	stubborn     bool        // does not end on SIGTERM
	stopped      atomic.Bool // as by SIGSTOP: it says and does nothing
	taciturn     atomic.Bool // it tells no counters
	init         initialisation
}

func (p *fakeProcess) PID() int { return p.pid }

func (p *fakeProcess) Dial(context.Context) (net.Conn, error) {
	if p.e.deaf {
		<-p.gone
		return nil, errGone
	}
	return p.client, nil
}

func (p *fakeProcess) Exited() <-chan exit { return p.done }

func (p *fakeProcess) Signal(sig syscall.Signal) error {
	switch {
	case sig == sigKill:
		p.end(exit{code: -1, signal: sig})
	case !p.stubborn && !p.stopped.Load():
		p.end(exit{})
	}
	return nil
}

// end ends the process: its device goes with it.
func (p *fakeProcess) end(x exit) {
	p.once.Do(func() {
		close(p.gone)
		p.conn.Close()
		p.e.w.kernel.removeTun()
		p.done <- x
	})
}

func (p *fakeProcess) say(lines ...string) {
	if p.stopped.Load() {
		return
	}
	for _, l := range lines {
		select {
		case p.out <- l:
		case <-p.gone:
		}
	}
}

func (p *fakeProcess) write() {
	for {
		select {
		case l := <-p.out:
			if _, err := p.conn.Write([]byte(l + "\r\n")); err != nil {
				return
			}
		case <-p.gone:
			return
		}
	}
}

// count tells the byte counters every 5 s.
func (p *fakeProcess) count() {
	t := time.NewTicker(bytecountEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			var in uint64
			p.e.set(func(e *fakeEngine) {
				if !e.mute {
					e.in += 200
				}
				in = e.in
			})
			if p.taciturn.Load() {
				continue
			}
			p.say(fmt.Sprintf(">BYTECOUNT:%d,1000", in))
		case <-p.gone:
			return
		}
	}
}

func (p *fakeProcess) read() {
	lines := bufio.NewScanner(p.conn)
	for lines.Scan() {
		command := lines.Text()
		p.e.note(command)
		p.answer(command)
	}
}
