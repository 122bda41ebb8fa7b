package tunnel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
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

const (
	testThing = "gw-042"
	testTopic = "$aws/things/gw-042/tunnels/notify"
)

var errNoName = errors.New("no such name")

// private is the VPC endpoint's address in these tests.
var private = netip.MustParseAddr("10.0.6.105")

// testOptions are those of a device whose path stands.
func testOptions(log *logBuffer) Options {
	t := config.Default().Tunnel
	t.Endpoint = "data.tunneling.iot.ap-northeast-1.amazonaws.com:443"
	t.Services = map[string]string{"SSH": "127.0.0.1:22", "VNC": "127.0.0.1:5900", "WEB": "127.0.0.1:80", "DB": "127.0.0.1:5432"}
	return Options{
		Thing: testThing, Region: "ap-northeast-1", Tunnel: t,
		Resolve: func(context.Context, string) ([]netip.Addr, bool, error) {
			return []netip.Addr{private}, true, nil
		},
		NameMissing: func(err error) bool { return errors.Is(err, errNoName) },
		Device:      func() string { return "tun0" },
		Log:         slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
}

// logBuffer is a log that a test reads while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// count returns the number of lines that hold all of words.
func (l *logBuffer) count(words ...string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		all := true
		for _, w := range words {
			all = all && strings.Contains(line, w)
		}
		if all {
			n++
		}
	}
	return n
}

// proxy is a process that a test plays.
type proxy struct {
	ctx  context.Context
	cmd  command
	emit func(event)
	line func(string)
	ends chan exit
}

// rig is a Manager that runs in a bubble of fake time with played processes.
type rig struct {
	*Manager
	t   *testing.T
	log *logBuffer

	mu       sync.Mutex
	launched []*proxy
	updates  []status.Update
	times    []time.Time
}

// bubble runs f with a rig whose Run has started; change may alter its options.
func bubble(t *testing.T, change func(*Options), f func(*rig)) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, log: &logBuffer{}}
		o := testOptions(r.log)
		if change != nil {
			change(&o)
		}
		r.Manager = New(o)
		r.Manager.launch = r.play
		stop := r.start()
		synctest.Wait()
		f(r)
		stop()
	})
}

// start calls Run and returns the function that ends it and waits for its end.
func (r *rig) start() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx, r.report); err != nil {
			r.t.Errorf("Run: %v", err)
		}
	}()
	return func() { cancel(); <-done }
}

func (r *rig) report(u status.Update) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.updates, r.times = append(r.updates, u), append(r.times, time.Now())
}

// now is what the stage says after the time that it may keep figures back.
func (r *rig) now() status.Update {
	time.Sleep(reportEvery)
	updates, _ := r.history()
	return updates[len(updates)-1]
}

// history is all that the stage said so far, and when.
func (r *rig) history() ([]status.Update, []time.Time) {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.updates), slices.Clone(r.times)
}

func (r *rig) play(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit {
	p := &proxy{ctx: ctx, cmd: c, emit: onEvent, line: onLine, ends: make(chan exit)}
	r.mu.Lock()
	r.launched = append(r.launched, p)
	r.mu.Unlock()
	select {
	case x := <-p.ends:
		return x
	case <-ctx.Done():
		return exit{}
	}
}

// proxies returns all processes started so far.
func (r *rig) proxies() []*proxy {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.launched)
}

// await lets time pass until n proxies were started in all, or long enough.
func (r *rig) await(n int) {
	for range 10 * int(lastRestartPause/time.Second) {
		if len(r.proxies()) >= n {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// open notifies and returns the process that follows, already connected.
func (r *rig) open(token string, services ...string) *proxy {
	r.t.Helper()
	before := len(r.proxies())
	r.notify(token, services...)
	all := r.proxies()
	if len(all) != before+1 {
		r.t.Fatalf("%d proxies started for %s %v, want 1\n%s", len(all)-before, token, services, r.log)
	}
	p := all[before]
	p.emit(event{Event: eventConnected, ChannelID: "ch-" + token})
	synctest.Wait()
	return p
}

func (r *rig) notify(token string, services ...string) {
	r.Handle(testTopic, notice(token, services...))
}

// alive reports whether p was not asked to end.
func (p *proxy) alive() bool {
	synctest.Wait()
	return p.ctx.Err() == nil
}

func (p *proxy) token() string {
	for _, e := range p.cmd.env {
		if v, ok := strings.CutPrefix(e, envAccessToken+"="); ok {
			return v
		}
	}
	return ""
}

// notice is a notify message as AWS sends it.
func notice(token string, services ...string) []byte {
	list := ""
	if len(services) > 0 {
		list = fmt.Sprintf(`,"services":["%s"]`, strings.Join(services, `","`))
	}
	return fmt.Appendf(nil, `{"clientAccessToken":"%s","clientMode":"destination","region":"ap-northeast-1"%s}`, token, list)
}
