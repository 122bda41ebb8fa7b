package localproxy

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"math"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// turn is what one call of a scripted dial does: an error, or a session
// that ends like this after that long.
type turn struct {
	err   error
	after time.Duration
	ends  []byte // the service's last frame; nil: it just closes
}

// scripted returns a Proxy whose attempts go as told; the last one repeats.
func scripted(t *testing.T, change func(*Config), script ...turn) (*Proxy, *[]Event) {
	t.Helper()
	cfg := testConfig(t)
	events := new([]Event)
	cfg.Events = func(e Event) { *events = append(*events, e) }
	if change != nil {
		change(&cfg)
	}
	p, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p.dial = func(context.Context) (*link, error) {
		a := script[0]
		if len(script) > 1 {
			script = script[1:]
		}
		if a.err != nil {
			return nil, a.err
		}
		return serving(a), nil
	}
	return p, events
}

// serving is a link to a service that behaves as told.
func serving(a turn) *link {
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		timer := time.AfterFunc(a.after, func() {
			if a.ends != nil {
				_, _ = there.Write(a.ends)
			}
			there.Close()
		})
		defer timer.Stop()
		buf := make([]byte, 1<<10)
		for {
			if _, err := there.Read(buf); err != nil {
				return
			}
			// Any byte is a sign of life.
			go there.Write(frame(opPong, nil))
		}
	}()
	return newLink(&coalescer{Conn: here}, &coalescer{Conn: here}, newWSReader(here), upgraded{"test", subprotocols[0]})
}

var (
	errRefused    = &net.OpError{Op: "dial", Err: errors.New("connection refused")}
	errNoName     = fmt.Errorf("resolving: %w", &net.DNSError{Err: "no such host", IsNotFound: true})
	errDNSTimeout = fmt.Errorf("resolving: %w", &net.DNSError{Err: "timeout", IsTimeout: true})
	errBadCert    = fmt.Errorf("TLS: %w", x509.UnknownAuthorityError{})
)

func status(code int) error { return &statusError{status: code} }

// Fault 6: every way to end has a status of its own, and only an end in order
// is 0.
func TestFault06ExitStatus(t *testing.T) {
	stood := turn{after: time.Second}
	inOrder := turn{after: time.Second, ends: frame(opClose, []byte{0x03, 0xe8})}
	for _, c := range []struct {
		name   string
		change func(*Config)
		script []turn
		want   int
	}{
		{"403 at first", nil, []turn{{err: status(403)}}, ExitDenied},
		{"401 at first", nil, []turn{{err: status(401)}}, ExitDenied},
		{"404", nil, []turn{{err: status(404)}}, ExitGone},
		{"403 after a lost connection", nil, []turn{stood, {err: status(403)}}, ExitGone},
		{"403 after an end in order", nil, []turn{inOrder, {err: status(403)}}, 0},
		{"403 after an end in order and a blip", nil, []turn{inOrder, {err: errRefused}, {err: status(403)}}, 0},
		{"5xx, refused and a DNS timeout, then 404", nil, []turn{{err: status(500)}, {err: status(503)}, {err: errRefused}, {err: errDNSTimeout}, {err: status(404)}}, ExitGone},
		{"no name", nil, []turn{{err: errNoName}}, ExitName},
		{"no name after a connection, then 403", nil, []turn{stood, {err: errNoName}, {err: status(403)}}, ExitGone},
		{"certificate", nil, []turn{{err: errBadCert}}, ExitTLS},
		{"certificate after a connection, then 403", nil, []turn{stood, {err: errBadCert}, {err: status(403)}}, ExitGone},
		{"web proxy", nil, []turn{{err: fmt.Errorf("x: %w", errWebProxy)}}, ExitWebProxy},
		{"garbage", nil, []turn{{ends: frame(opBinary, []byte{0, 2, 0xff, 0xff})}}, ExitProtocol},
		{"a text message", nil, []turn{{ends: frame(opText, []byte("hi"))}}, ExitProtocol},
		{"an unknown message", nil, []turn{{ends: frame(opBinary, message{kind: 77}.encode())}}, ExitProtocol},
		{"retries", func(c *Config) { c.MaxRetries = 3 }, []turn{{err: errRefused}}, ExitRetries},
		{"lifetime", func(c *Config) { c.MaxLifetime = time.Minute }, []turn{{after: time.Hour}}, ExitLifetime},
		{"lifetime without a connection", func(c *Config) { c.MaxLifetime = time.Minute }, []turn{{err: errRefused}}, ExitLifetime},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, events := scripted(t, c.change, c.script...)
				err := p.Run(t.Context())
				if got := exitCode(err); got != c.want {
					t.Errorf("status %d (%v), want %d", got, err, c.want)
				}
				last := (*events)[len(*events)-1]
				if last.Event != EventClosed || last.Code == nil || *last.Code != c.want || last.Reason == "" {
					t.Errorf("the last event is %+v", last)
				}
			})
		})
	}
}

func TestStopIsInOrder(t *testing.T) {
	for name, a := range map[string]turn{"connected": {after: time.Hour}, "retrying": {err: errRefused}} {
		synctest.Test(t, func(t *testing.T) {
			p, _ := scripted(t, nil, a)
			ctx, cancel := context.WithCancel(t.Context())
			go func() {
				time.Sleep(time.Minute)
				cancel()
			}()
			began := time.Now()
			if err := p.Run(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if took := time.Since(began) - time.Minute; took > 2*time.Second {
				t.Errorf("%s: stopping took %s", name, took)
			}
		})
	}
}

// Retries slow down, within bounds, and start over after a connection that
// stood for a while.
func TestRetriesSlowDownAndStartOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failing := turn{err: errRefused}
		script := make([]turn, 0, 40)
		for range 20 {
			script = append(script, failing)
		}
		script = append(script, turn{after: time.Hour}, turn{err: status(404)})
		p, events := scripted(t, nil, script...)
		_ = p.Run(t.Context()) // its end is not the point
		var delays []time.Duration
		for _, e := range *events {
			if e.Event == EventRetry {
				delays = append(delays, time.Duration(*e.AfterMS)*time.Millisecond)
			}
		}
		if len(delays) != 21 {
			t.Fatalf("%d retries, want 21", len(delays))
		}
		for i, d := range delays {
			limit := 2 * time.Second
			if i < 20 { // the last one has started over
				limit = time.Duration(float64(limit) * math.Pow(retryGrowth, float64(i)))
			}
			if d < time.Second || d > limit {
				t.Errorf("retry %d after %s, want 1s to %s", i, d, limit)
			}
		}
	})
}
