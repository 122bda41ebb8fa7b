package mqtt

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

// relay is a real TCP path that can turn into a black hole: connections stay,
// nothing comes through and nothing more is taken.
type relay struct {
	t    *testing.T
	to   string
	l    net.Listener
	mu   sync.Mutex
	hole bool
	wake *sync.Cond
}

func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	r := &relay{t: t, to: to, l: must(net.Listen("tcp", "127.0.0.1:0"))}
	r.wake = sync.NewCond(&r.mu)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			near, err := r.l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { r.forward(near) })
		}
	})
	t.Cleanup(func() {
		r.l.Close()
		r.swallow(false)
		wg.Wait()
	})
	return r
}

func (r *relay) forward(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", r.to)
	if err != nil {
		r.t.Errorf("relay: %v", err)
		return
	}
	defer far.Close()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() { r.pump(way[0], way[1]); done <- struct{}{} }()
	}
	<-done
	near.Close()
	far.Close()
	<-done
}

func (r *relay) pump(from, to net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		for r.hole {
			r.wake.Wait()
		}
		r.mu.Unlock()
		if err != nil {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// swallow turns the black hole on or off.
func (r *relay) swallow(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.hole = on
	r.wake.Broadcast()
}

func (r *relay) addr() string { return r.l.Addr().String() }

// relayed is a rig with the double of AWS behind a relay, connected.
func relayed(t *testing.T) (r *rig, hole *relay, stop func()) {
	t.Helper()
	t.Parallel()
	c := newCerts(t)
	_, addr := startBroker(t, c, awsiot.Quirks{})
	hole = startRelay(t, addr)
	r = newRig(t, c, newPath(hole.addr()))
	stop = r.run()
	r.until(ok)
	return r, hole, stop
}

func TestIdleBlackHoleIsFoundByProve(t *testing.T) {
	r, hole, _ := relayed(t)
	hole.swallow(true)
	r.session.Prove()
	u, n := r.reports.after(t, 2, func(u status.Update) bool { return !u.State.Usable() })
	if u.State != status.Down || u.Reason != status.ReasonNoPing || !strings.Contains(u.Detail, "no answer to PINGREQ within 5s") {
		t.Errorf("reported %s %s %q", u.State, u.Reason, u.Detail)
	}
	hole.swallow(false)
	r.session.Prove()
	r.reports.after(t, n, ok)
}

// fill writes until the connection fails and returns why it did.
func fill(c *conn) error {
	packet := append([]byte{typePublish, 0xFF, 0xFF, 0x03}, make([]byte, 0xFFFF)...)
	for {
		if _, err := c.Write(packet); err != nil {
			return err
		}
	}
}

func TestBlackHoleUnderLoadIsFoundByTheWriteDeadline(t *testing.T) {
	r, hole, _ := relayed(t)
	hole.swallow(true)
	if err := fill(r.session.live.Load()); !timedOut(err) {
		t.Errorf("writing into the black hole: %v", err)
	}
	u, _ := r.reports.after(t, 2, func(u status.Update) bool { return !u.State.Usable() })
	if u.State != status.Down || u.Reason != status.ReasonNoPing || !strings.Contains(u.Detail, "nothing could be sent for 5s") {
		t.Errorf("reported %s %s %q", u.State, u.Reason, u.Detail)
	}
}

func TestStopDoesNotWaitForADeadPath(t *testing.T) {
	r, hole, stop := relayed(t)
	hole.swallow(true)
	stuck := make(chan error, 1)
	c := r.session.live.Load()
	go func() { stuck <- fill(c) }()
	stop()
	if err := <-stuck; !errors.Is(err, net.ErrClosed) {
		t.Errorf("the writer ended with %v: the stop waited for it", err)
	}
}
