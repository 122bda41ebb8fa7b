package tunnel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestName(t *testing.T) {
	if name := New(testOptions(&logBuffer{})).String(); name != "tunnel" {
		t.Errorf("the stage is called %q", name)
	}
}

// A message delivered twice is one tunnel, while it is open and afterwards.
func TestSameTokenTwice(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		p := r.open("T1", "SSH")
		r.notify("T1", "SSH")
		if n := len(r.proxies()); n != 1 || !p.alive() || len(r.List()) != 1 {
			t.Errorf("%d proxies, %+v", n, r.List())
		}
		p.emit(event{Event: eventClosed, Reason: "closed by the source"})
		p.ends <- exit{}
		r.notify("T1", "SSH")
		if n := len(r.proxies()); n != 1 || len(r.List()) != 0 {
			t.Errorf("after its end: %d proxies, %+v", n, r.List())
		}
		if u := r.now(); u.Reason != status.ReasonIdle {
			t.Errorf("a repeated token is no fault: %+v", u)
		}
	})
}

// A new token for the same services takes over when it is connected, and not a
// moment before. Tunnels for other services are left alone.
func TestRotation(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		vnc, old := r.open("V1", "VNC"), r.open("S1", "SSH")
		r.notify("S2", "SSH")
		all := r.proxies()
		if len(all) != 3 || !old.alive() || len(r.List()) != 3 {
			t.Fatalf("%d proxies; old alive: %v", len(all), old.alive())
		}
		next := all[2]
		next.emit(event{Event: eventConnecting, Address: "10.0.6.105:443"})
		if !old.alive() {
			t.Error("the old proxy ended before the new one was connected")
		}
		next.emit(event{Event: eventConnected})
		if old.alive() || !next.alive() || !vnc.alive() {
			t.Errorf("alive: old %v, new %v, other service %v", old.alive(), next.alive(), vnc.alive())
		}
		if len(r.List()) != 2 || next.token() != "S2" {
			t.Errorf("left: %+v, token %s", r.List(), next.token())
		}
		if r.log.count("tunnel ended", "replaced by a new token") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

// The service may end the old proxy itself when the token is rotated, and the
// new one may fail: neither takes the other with it, and neither is a fault of
// a tunnel that works.
func TestRotationEitherEnds(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		old := r.open("S1", "SSH")
		r.notify("S2", "SSH")
		next := r.proxies()[1]
		old.emit(event{Event: eventClosed, Reason: "no more", Code: 15})
		old.ends <- exit{}
		if u := r.now(); !next.alive() || len(r.List()) != 1 || strings.Contains(u.Detail, "no more") {
			t.Errorf("the old proxy's end: new one alive %v, status %+v", next.alive(), u)
		}
		next.emit(event{Event: eventConnected})

		r.notify("S3", "SSH")
		bad := r.proxies()[2]
		bad.emit(event{Event: eventClosed, Reason: "403", Code: codeDenied})
		bad.ends <- exit{}
		if !next.alive() || len(r.List()) != 1 {
			t.Error("a new token that is refused took the working tunnel with it")
		}
		if u := r.now(); u.State != status.OK || u.Reason != status.ReasonOpen || !strings.Contains(u.Detail, "refuses the token: 403") {
			t.Errorf("status %+v", u)
		}
	})
}

// Of several tokens that come while none connects only the newest is tried.
func TestRotationOfUnconnected(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		old := r.open("S0", "SSH")
		for i := range 4 {
			r.notify(fmt.Sprint("S", i+1), "SSH")
			synctest.Wait()
		}
		var alive []string
		for _, p := range r.proxies() {
			if p.alive() {
				alive = append(alive, p.token())
			}
		}
		if !slices.Equal(alive, []string{"S0", "S4"}) {
			t.Errorf("alive: %v, want the connected and the newest", alive)
		}
		r.proxies()[4].emit(event{Event: eventConnected})
		if old.alive() || len(r.List()) != 1 {
			t.Errorf("left: %+v", r.List())
		}
	})
}

func TestMaxConcurrent(t *testing.T) {
	bubble(t, func(o *Options) { o.Tunnel.MaxConcurrent = 2 }, func(r *rig) {
		first := r.open("S1", "SSH")
		r.open("V1", "VNC")
		r.notify("W1", "WEB")
		if n := len(r.proxies()); n != 2 || len(r.List()) != 2 {
			t.Fatalf("%d proxies, %d tunnels", n, len(r.List()))
		}
		if r.log.count("refused", "max_concurrent allows no more") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		// A successor is no further tunnel, and a refused token was not used up.
		r.open("S2", "SSH")
		if first.alive() || len(r.List()) != 2 {
			t.Errorf("after a rotation at the limit: %+v", r.List())
		}
		r.proxies()[2].ends <- exit{}
		time.Sleep(maxRestarts * lastRestartPause)
		if err := r.Close(context.Background(), r.List()[0].ID); err != nil {
			t.Fatal(err)
		}
		r.open("W1", "WEB")
	})
}

func TestMaxLifetime(t *testing.T) {
	bubble(t, func(o *Options) { o.Tunnel.MaxLifetime = 2 * time.Hour }, func(r *rig) {
		p := r.open("S1", "SSH")
		if args := strings.Join(p.cmd.args, " "); !strings.HasSuffix(args, "--max-lifetime 2h0m0s") {
			t.Errorf("started with %s", args)
		}
		time.Sleep(2*time.Hour - time.Second)
		if !p.alive() {
			t.Error("ended early")
		}
		time.Sleep(2 * time.Second)
		if p.alive() || len(r.List()) != 0 {
			t.Error("outlived its time")
		}
		if u := r.now(); u.State != status.OK || u.Reason != status.ReasonIdle {
			t.Errorf("the end of its time is no fault: %+v", u)
		}
	})
}

// Ten thousand different and valid tokens at once: a handful is looked at, the
// rest costs neither memory nor the journal.
func TestFlood(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for i := range 10_000 {
			r.notify(fmt.Sprintf("T%d", i), "SSH")
		}
		if n := len(r.proxies()); n > notifyBurst {
			t.Errorf("%d proxies started", n)
		}
		if n := r.log.count("level=WARN"); n != 1 {
			t.Errorf("%d warnings, want 1:\n%.2000s", n, r.log)
		}
		if len(r.List()) != 1 {
			t.Errorf("%d tunnels stay", len(r.List()))
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
			t.Errorf("the heap grew by %d bytes", grown)
		}
		time.Sleep(time.Hour)
		r.notify("later", "SSH")
		if all := r.proxies(); all[len(all)-1].token() != "later" {
			t.Error("nothing works after the flood")
		}
	})
}

// What is for somebody else or from nobody sane is one log line, and the stage
// goes on.
func TestHandleRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		topic   string
		payload []byte
		line    string
	}{
		"another thing": {"$aws/things/gw-043/tunnels/notify", notice("T1", "SSH"), "no tunnel notification"},
		"another topic": {"edgeagent/gw-042/status", notice("T1", "SSH"), "no tunnel notification"},
		"too large":     {testTopic, append(notice("T1", "SSH"), strings.Repeat(" ", maxPayload)...), "a notification of 13"},
		"empty":         {testTopic, nil, "not JSON"},
		"garbage":       {testTopic, []byte("\x00\xff"), "not JSON"},
		"not allowed":   {testTopic, notice("T1", "TELNET"), "TELNET"},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, nil, func(r *rig) {
				for range 5 {
					r.Handle(test.topic, test.payload)
				}
				if n := len(r.proxies()); n != 0 {
					t.Errorf("%d proxies started", n)
				}
				if r.log.count("level=WARN") != 1 || r.log.count(test.line) != 1 || strings.Contains(r.log.String(), "T1") {
					t.Errorf("want one warning with %q and no token:\n%s", test.line, r.log)
				}
				r.open("T2", "SSH")
			})
		})
	}
}

// Messages that come before Run wait for it, a few of them.
func TestHandleBeforeRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, log: &logBuffer{}}
		r.Manager = New(testOptions(r.log))
		r.Manager.launch = r.play
		for i := range queueLength + 2 {
			r.notify(fmt.Sprintf("T%d", i), []string{"SSH", "VNC"}[i%2])
			time.Sleep(notifyEvery)
		}
		stop := r.start()
		defer stop()
		var tokens []string
		for _, s := range r.proxies() {
			if s.alive() {
				tokens = append(tokens, s.token())
			}
		}
		slices.Sort(tokens)
		if !slices.Equal(tokens, []string{"T6", "T7"}) {
			t.Errorf("alive: %v, want the newest of each service that fitted the queue", tokens)
		}
		if r.log.count("level=WARN", "wait for the private path") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
	})
}

func TestClose(t *testing.T) {
	bubble(t, nil, func(r *rig) {
		p, other := r.open("S1", "SSH"), r.open("V1", "VNC")
		id := r.List()[0].ID
		if err := r.Close(context.Background(), id); err != nil {
			t.Fatal(err)
		}
		if p.alive() || !other.alive() || len(r.List()) != 1 {
			t.Errorf("left: %+v", r.List())
		}
		var unknown *UnknownError
		if err := r.Close(context.Background(), id); !errors.As(err, &unknown) || unknown.ID != id {
			t.Errorf("closing it again: %v", err)
		}
		if u := r.now(); u.Reason != status.ReasonOpen {
			t.Errorf("status %+v", u)
		}
	})
}

// The end of Run ends every tunnel, and the next Run starts with none and looks
// at the path afresh.
func TestRunEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &rig{t: t, log: &logBuffer{}}
		o, asked := testOptions(r.log), atomic.Int32{}
		o.Resolve = func(context.Context, string) ([]netip.Addr, bool, error) {
			asked.Add(1)
			return []netip.Addr{private}, true, nil
		}
		r.Manager = New(o)
		r.Manager.launch = r.play
		stop := r.start()
		synctest.Wait()
		if n := asked.Load(); n != 1 {
			t.Errorf("asked %d times before any tunnel: the service is not routed", n)
		}
		p := r.open("S1", "SSH")
		stop()
		if p.alive() || len(r.List()) != 0 {
			t.Errorf("left: %+v", r.List())
		}
		if r.log.count("tunnel ended", "the private path was lost") != 1 {
			t.Errorf("log:\n%s", r.log)
		}
		defer r.start()()
		if n := len(r.proxies()); n != 1 || r.now().Reason != status.ReasonIdle ||
			!strings.HasSuffix(r.now().Detail, ", until the private path was lost") {
			t.Errorf("%d proxies, %+v", n, r.now())
		}
		r.open("S2", "SSH")
		if n := asked.Load(); n != 4 {
			t.Errorf("asked %d times for the name, on two paths with a tunnel each", n)
		}
	})
}

func TestDisabled(t *testing.T) {
	bubble(t, func(o *Options) { o.Tunnel.Enabled = false }, func(r *rig) {
		r.notify("S1", "SSH")
		if u := r.now(); len(r.proxies()) != 0 || u.State != status.OK || u.Reason != status.ReasonDisabled {
			t.Errorf("%+v", u)
		}
	})
}
