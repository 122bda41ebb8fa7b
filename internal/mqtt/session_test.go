package mqtt

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/status"
)

const notifyTopic = "$aws/things/gw-042/tunnels/notify"

func TestConnectedIsOKAfterSubackAndRoundTrip(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	addr := r.path.Addresses()[0].String()
	r.run()
	u := r.until(ok)
	if u.Reason != status.ReasonConnected || !strings.HasPrefix(u.Detail, addr+", keepalive 230 s, round trip ") {
		t.Errorf("reported %q %q", u.Reason, u.Detail)
	}
	for key, want := range map[string]any{
		"client_id": "gw-042", "address": addr, "keep_alive_s": 230, "connects": 1, "session_present": false,
	} {
		if u.Facts[key] != want {
			t.Errorf("fact %s is %v, want %v", key, u.Facts[key], want)
		}
	}
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(u.Facts["cert_expires"])); err != nil || at.Before(time.Now()) {
		t.Errorf("fact cert_expires is %v", u.Facts["cert_expires"])
	}
	if since, _ := u.Facts["since"].(time.Time); since.IsZero() {
		t.Errorf("fact since is %v", u.Facts["since"])
	}
	if rtt, isInt := u.Facts["rtt_ms"].(int64); !isInt || rtt < 0 {
		t.Errorf("fact rtt_ms is %v", u.Facts["rtt_ms"])
	}
	if got := b.Subscribed(); !slices.Equal(got, []string{notifyTopic}) {
		t.Errorf("subscribed to %q", got)
	}
	c := b.Connects()[0]
	if c.KeepAlive != 230 || c.Clean || c.Will || c.ClientID != "gw-042" {
		t.Errorf("CONNECT was %+v", c)
	}
}

func TestFirstReportIsConnecting(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{})
	r.run()
	u := r.until(func(status.Update) bool { return true })
	if u.State != status.Starting || u.Reason != status.ReasonConnecting {
		t.Errorf("first report %+v", u)
	}
}

func TestNotificationsComeInOrder(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	r.run()
	r.until(ok)
	for _, payload := range []string{"one", "two", "three"} {
		if err := b.Notify("gw-042", []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"one", "two", "three"} {
		if got := r.message(); got != notifyTopic+" "+want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func (r *rig) message() string {
	r.Helper()
	select {
	case m := <-r.messages:
		return m
	case <-time.After(patience):
		r.Fatal("no message came")
		return ""
	}
}

func TestOversizeNotificationKeepsTheSession(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	r.run()
	r.until(ok)
	if err := b.Notify("gw-042", make([]byte, 200<<10)); err != nil {
		t.Fatal(err)
	}
	if got := len(r.message()); got != len(notifyTopic)+1+200<<10 {
		t.Errorf("%d bytes were handed over", got)
	}
	if err := b.Notify("gw-042", []byte("next")); err != nil {
		t.Fatal(err)
	}
	r.message()
	if n := b.Counts().Sessions; n != 1 {
		t.Errorf("%d sessions, want the first still", n)
	}
}

func TestNotificationsSentWhileAwayArriveLater(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	stop := r.run()
	r.until(ok)
	stop()
	seen(t, b, "the end", func() bool { return b.Counts().Ended == 1 })
	if err := b.Notify("gw-042", []byte("missed")); err != nil {
		t.Fatal(err)
	}
	_, n := r.reports.after(t, 0, ok)
	r.run()
	if got := r.message(); got != notifyTopic+" missed" {
		t.Errorf("got %q", got)
	}
	u, _ := r.reports.after(t, n, ok)
	if u.Facts["session_present"] != true || u.Facts["connects"] != 2 {
		t.Errorf("facts %v", u.Facts)
	}
}

func TestWithoutNotifyNothingIsSubscribed(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{}, func(o *Options) { o.Notify = nil })
	r.run()
	r.until(ok)
	if n := b.Counts().Subscribes; n != 0 {
		t.Errorf("%d SUBSCRIBEs", n)
	}
}

// tap records what clients send, decrypted.
type tap struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (p *tap) add(_ net.Addr, b []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buf.Write(b)
}

func TestNothingIsPublishedByDefault(t *testing.T) {
	t.Parallel()
	var sent tap
	c := newCerts(t)
	b, addr := startBroker(t, c, awsiot.Quirks{}, func(o *awsiot.Options) { o.Tap = sent.add })
	r := newRig(t, c, newPath(addr))
	stop := r.run()
	r.until(ok)
	r.o.Board.Set("link", status.Update{State: status.Degraded, Reason: status.ReasonRecovering})
	r.session.Prove()
	r.reports.after(t, 2, ok)
	stop()
	seen(t, b, "DISCONNECT", func() bool { return b.Counts().Disconnects == 1 })

	const connectFlags, will = 9, 0x04
	sent.mu.Lock()
	defer sent.mu.Unlock()
	if flags := sent.buf.Bytes()[connectFlags]; flags&will != 0 {
		t.Errorf("CONNECT flags %08b have a will", flags)
	}
	var kinds []byte
	var f frames
	if err := f.feed(sent.buf.Bytes(), func(first byte, _ int) error {
		kinds = append(kinds, first&typeMask)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := []byte{typeConnect, typeSubscribe, typePingreq, typePingreq, typeDisconnect}
	if !bytes.Equal(kinds, want) {
		t.Errorf("sent packets %x, want %x", kinds, want)
	}
}

func TestSessionOutlivesDoubt(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	r.run()
	_, n := r.reports.after(t, 0, ok)
	for range 3 {
		r.o.Board.Set("link", status.Update{State: status.Degraded, Reason: status.ReasonRecovering})
		r.session.Recheck()
		r.session.Prove()
		_, n = r.reports.after(t, n, ok)
		r.o.Board.Set("link", status.Update{State: status.OK, Reason: status.ReasonConnected})
	}
	if got := b.Counts(); got.Connects != 1 || got.Ended != 0 {
		t.Errorf("the session did not last: %+v", got)
	}
}

func TestAliveFollowsTheSession(t *testing.T) {
	r, b := aws(t, awsiot.Quirks{})
	if !r.session.Alive().IsZero() {
		t.Error("alive before Run")
	}
	stop := r.run()
	_, n := r.reports.after(t, 0, ok)
	before := r.session.Alive()
	if before.IsZero() {
		t.Error("not alive with a session")
	}
	r.session.Prove()
	r.reports.after(t, n, ok)
	if !r.session.Alive().After(before) {
		t.Error("a PINGRESP does not count")
	}
	stop()
	if !r.session.Alive().IsZero() {
		t.Error("alive after the end")
	}
	seen(t, b, "DISCONNECT", func() bool { return b.Counts().Disconnects == 1 })
}

func TestRecheckDropsASessionWhoseAddressIsGone(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	first, one := startBroker(t, c, awsiot.Quirks{})
	second, two := startBroker(t, c, awsiot.Quirks{})
	r := newRig(t, c, newPath(one))
	r.run()
	_, n := r.reports.after(t, 0, ok)
	r.path.set(two)
	r.session.Recheck()
	u, n := r.reports.after(t, n, func(u status.Update) bool { return !u.State.Usable() })
	if u.State != status.Starting || !strings.Contains(u.Detail, one+" is no longer an address") {
		t.Errorf("reported %+v", u)
	}
	r.reports.after(t, n, ok)
	seen(t, first, "the end", func() bool { return first.Counts().Ended == 1 })
	if n := second.Counts().Sessions; n != 1 {
		t.Errorf("%d sessions with the new address", n)
	}
}

func TestString(t *testing.T) {
	if s := New(Options{}).String(); s != "broker" {
		t.Errorf("the stage is called %q", s)
	}
}

func TestPahoDoesNothingByItself(t *testing.T) {
	r := newRig(t, newCerts(t), newPath("127.0.0.1:1"))
	o := r.session.clientOptions(&live{s: r.session})
	if o.ProtocolVersion != 4 || o.AutoReconnect || o.ConnectRetry || o.KeepAlive != 0 || !o.Order || o.Store != nil {
		t.Errorf("protocol %d, auto reconnect %v, connect retry %v, keepalive %d, order %v, store %v",
			o.ProtocolVersion, o.AutoReconnect, o.ConnectRetry, o.KeepAlive, o.Order, o.Store)
	}
}
