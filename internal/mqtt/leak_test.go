package mqtt

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

// TestNothingIsLeftOf200Sessions ends sessions in every way that there is. The
// bubble itself fails the test if a goroutine stays for good.
func TestNothingIsLeftOf200Sessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := scripted(t, nil, withStatus)
		var before int
		for i := range 200 {
			stop := r.run()
			time.Sleep(time.Minute)
			if i%2 == 0 {
				s.cut()
				time.Sleep(time.Minute)
			}
			if len(s.connectTimes()) < i {
				t.Fatalf("session %d did not come up", i)
			}
			stop()
			time.Sleep(time.Minute)
			synctest.Wait()
			if i == 0 {
				before = runtime.NumGoroutine()
			}
		}
		if after := runtime.NumGoroutine(); after > before {
			buf := make([]byte, 1<<16)
			t.Errorf("%d goroutines, %d after the first session:\n%s", after, before, buf[:runtime.Stack(buf, true)])
		}
		if n := r.session.connects; n != 300 {
			t.Errorf("%d sessions, want 300", n)
		}
	})
}

// Paho does not notice a socket that this side has closed: it must be told. It
// shows on real sockets only, so this test must not run beside another.
func TestDroppedSessionLeavesNothingOfPaho(t *testing.T) {
	c := newCerts(t)
	b, addr := startBroker(t, c, awsiot.Quirks{})
	r := newRig(t, c, newPath(addr))
	stop := r.run()
	r.until(ok)
	r.path.set("127.0.0.1:1")
	r.session.Recheck()
	seen(t, b, "the end", func() bool { return b.Counts().Ended == 1 })
	stop()
	for deadline := time.Now().Add(patience); ; runtime.Gosched() {
		stacks := make([]byte, 1<<20)
		all := string(stacks[:runtime.Stack(stacks, true)])
		if !strings.Contains(all, "paho.mqtt") {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("left behind:\n%s", all)
		}
	}
}

// watched is a TCP connection that tells what was done to it.
type watched struct {
	net.Conn
	probes *atomic.Bool
	open   *atomic.Int32
}

func (w watched) SetKeepAlive(on bool) error { w.probes.Store(on); return nil }
func (w watched) Close() error               { w.open.Add(-1); return w.Conn.Close() }

func TestSocketsAreClosedAndNotProbed(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	_, addr := startBroker(t, newCerts(t), awsiot.Quirks{}) // of another CA
	p := newPath(addr)
	var probes atomic.Bool
	probes.Store(true)
	var open atomic.Int32
	dial := p.dial
	p.dial = func(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
		conn, err := dial(ctx, a)
		open.Add(1)
		return watched{conn, &probes, &open}, err
	}
	r := newRig(t, c, p)
	r.run()
	r.down(status.ReasonTLS)
	if n := open.Load(); n != 0 {
		t.Errorf("%d sockets are open after TLS failed", n)
	}
	if probes.Load() {
		t.Error("TCP keepalive probes are on: they cost megabytes a month")
	}
}
