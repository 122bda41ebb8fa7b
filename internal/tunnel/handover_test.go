package tunnel

import (
	"context"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/config"
)

// succeed ends d after Leave and returns a running Manager that has taken over
// what d left, by way of JSON as another image would.
func (d *device) succeed(change func(*Options)) *device {
	d.t.Helper()
	d.Leave()
	d.stop()
	text, err := json.Marshal(d.Settle())
	if err != nil {
		d.t.Fatal(err)
	}
	var h Handover
	if err := json.Unmarshal(text, &h); err != nil {
		d.t.Fatal(err)
	}
	next := &device{t: d.t, log: &logBuffer{}, dir: d.dir}
	o := d.o
	o.Log = testOptions(next.log).Log
	if change != nil {
		change(&o)
	}
	next.Manager = New(o)
	next.Adopt(&h)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	next.stop = func() {
		cancel()
		<-done
		if next.Settle() != nil {
			d.t.Error("something is left")
		}
	}
	go func() {
		defer close(done)
		_ = next.Run(ctx, next.report)
	}()
	d.t.Cleanup(next.stop)
	return next
}

// same returns what a handover must not change of the tunnels.
func (d *device) same() []Tunnel {
	list := d.List()
	for i := range list {
		list[i].Detail = ""
	}
	return list
}

func TestTunnelsGoOnUnderAnotherAgent(t *testing.T) {
	d := newDevice(t, nil)
	ssh, vnc := d.open("connect.1", "SSH"), d.open("connect.2", "VNC")
	before := d.same()
	next := d.succeed(nil)
	for _, pid := range []int{ssh, vnc} {
		if gone(pid) || isZombie(pid) {
			t.Fatalf("process %d is gone\n%s", pid, next.log)
		}
	}
	if after := next.same(); !reflect.DeepEqual(after, before) {
		t.Errorf("tunnels\n%+v, were\n%+v", after, before)
	}
	next.notify("connect.1", "SSH") // delivered again
	rotated := next.open("connect.3", "VNC")
	next.eventually("the old token's end", func() bool { return gone(vnc) })
	if err := next.Close(t.Context(), before[0].ID); err != nil || !gone(ssh) {
		t.Errorf("closing one that was taken over: %v", err)
	}
	if list := next.List(); len(list) != 1 || list[0].ID == before[1].ID {
		t.Errorf("left: %+v", list)
	}
	next.stop()
	if !gone(rotated) {
		t.Error("a process is left")
	}
}

// One that ends while nobody watches is reaped, and what it said is heard.
func TestProcessEndsInBetween(t *testing.T) {
	d := newDevice(t, nil)
	pid := d.open("connect.1", "SSH")
	next := d.succeed(func(*Options) {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Error(err)
		}
	})
	next.eventually("its end", func() bool { return next.log.count("tunnel ended", "asked to end") == 1 })
	if !gone(pid) {
		t.Error("it was not reaped")
	}
}

func TestChangedTermsEndATunnel(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"disabled":         func(o *Options) { o.Tunnel.Enabled = false },
		"another service":  func(o *Options) { o.Tunnel.Services = map[string]string{"SSH": "127.0.0.1:2222"} },
		"no such service":  func(o *Options) { o.Tunnel.Services = map[string]string{"VNC": "127.0.0.1:5900"} },
		"another endpoint": func(o *Options) { o.Tunnel.Endpoint = "elsewhere.example:443" },
		"time is over":     func(o *Options) { o.Tunnel.MaxLifetime = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			d := newDevice(t, nil)
			pid := d.open("connect.1", "SSH")
			next := d.succeed(change)
			why := errChanged
			if name == "time is over" {
				why = errLifetime
			}
			next.eventually("its end, and the log saying why", func() bool {
				return gone(pid) && len(next.List()) == 0 && next.log.count("tunnel ended", why.Error()) == 1
			})
		})
	}
}

// A configuration that only adds to what a tunnel needs ends nothing.
func TestOtherServicesChange(t *testing.T) {
	d := newDevice(t, nil)
	pid := d.open("connect.1", "SSH")
	next := d.succeed(func(o *Options) {
		o.Tunnel.Services = map[string]string{"SSH": d.dir, "NEW": "127.0.0.1:99"}
		o.Tunnel.MaxConcurrent = config.Default().Tunnel.MaxConcurrent + 1
	})
	if gone(pid) || isZombie(pid) || len(next.List()) != 1 {
		t.Errorf("ended:\n%s", next.log)
	}
}

// Notifications that nobody has looked at go over, and hashes of tokens do.
func TestNotificationsGoOver(t *testing.T) {
	log := &logBuffer{}
	m := New(testOptions(log))
	m.Handle(testTopic, notice("connect.1", "SSH"))
	m.Leave()
	h := m.Settle()
	next := New(testOptions(log))
	next.Adopt(h)
	if n := <-next.queue; n.token != "connect.1" || !slices.Equal(n.services, []string{"SSH"}) || n.nameless {
		t.Errorf("%+v", n)
	}
	m.seen.add("connect.2")
	next.seen.learn(append(m.seen.list(), []byte("short")))
	if !next.seen.has("connect.2") || next.seen.has("connect.1") {
		t.Error("another memory of tokens")
	}
}

// Without a path the tunnels that were taken over end: at a word, or in time.
func TestAbandonedTunnels(t *testing.T) {
	d := newDevice(t, nil)
	pid := d.open("connect.1", "SSH")
	d.Leave()
	d.stop()
	next := New(d.o)
	next.Adopt(d.Settle())
	if list := next.List(); len(list) != 1 || list[0].State != StateOpen {
		t.Errorf("before the first Run: %+v", list)
	}
	next.Abandon()
	next.running.Wait()
	if !gone(pid) || len(next.List()) != 0 {
		t.Error("it goes on without a path")
	}
}

// An external proxy has nobody who tells it that its agent was killed: the next
// agent ends it, and no other's.
func TestLeftoverOfAKilledAgent(t *testing.T) {
	const script = "trap 'exit 0' TERM; while :; do sleep 0.01; done"
	pids := map[string]int{}
	for _, owner := range []string{"/run/ours", "/run/other"} {
		pids[owner] = orphan(t, envOwner+"="+owner, script)
	}
	if n := endLeftovers("/run/ours"); n != 1 {
		t.Errorf("ended %d, want one", n)
	}
	for deadline := time.Now().Add(patience); !gone(pids["/run/ours"]) && !isZombie(pids["/run/ours"]); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it lives on")
		}
	}
	if pid := pids["/run/other"]; gone(pid) || isZombie(pid) {
		t.Error("another agent's proxy was ended")
	}
	if n := endLeftovers(""); n != 0 {
		t.Errorf("without an owner: ended %d", n)
	}
}

// Half a line is read on by the next agent; the end of one that is too long is
// dropped there, too.
func TestLinesGoOver(t *testing.T) {
	for _, text := range []string{"one\ntwo\n", "\n", strings.Repeat("x", 100) + "\nafter\n"} {
		for cut := range len(text) {
			var got, want []string
			readLines(strings.NewReader(text), 32, func(line []byte) { want = append(want, string(line)) })
			take := func(line []byte) { got = append(got, string(line)) }
			rest := readLines(&untilDeadline{text: text[:cut]}, 32, take)
			readLines(strings.NewReader(string(rest)+text[cut:]), 32, take)
			if !slices.Equal(got, want) {
				t.Errorf("%q cut at %d: %q, want %q", text, cut, got, want)
			}
		}
	}
}
