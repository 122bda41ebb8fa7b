package mqtt

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"
)

var (
	closedFault = &fault{state: status.Starting, reason: status.ReasonConnecting, byBroker: true}
	otherFault  = &fault{reason: status.ReasonUnreachable}
)

func TestRivalIsToldFromChance(t *testing.T) {
	type end struct {
		f     *fault
		lived time.Duration
	}
	short, long := 5*time.Second, 2*time.Minute
	for name, c := range map[string]struct {
		ends []end
		want bool
	}{
		"three in a row":            {[]end{{closedFault, short}, {closedFault, short}, {closedFault, 0}}, true},
		"two":                       {[]end{{closedFault, short}, {closedFault, short}}, false},
		"a refusal in between":      {[]end{{closedFault, short}, {closedFault, short}, {otherFault, 0}, {closedFault, short}}, false},
		"a long session in between": {[]end{{closedFault, short}, {closedFault, short}, {closedFault, long}, {closedFault, short}}, false},
		"both back off":             {[]end{{closedFault, short}, {closedFault, short}, {closedFault, short}, {closedFault, long}}, true},
		"the rival has gone":        {[]end{{closedFault, short}, {closedFault, short}, {closedFault, short}, {closedFault, time.Hour}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var r rival
			var last *fault
			for _, e := range c.ends {
				last = r.ended(e.f, e.lived, "gw-042")
			}
			if got := last.reason == status.ReasonTakenOver; got != c.want {
				t.Errorf("taken over: %v, want %v", got, c.want)
			}
			if c.want && (last.retry != RetryRival || !strings.Contains(last.detail, "gw-042")) {
				t.Errorf("fault %+v", last)
			}
		})
	}
}

func TestRivalBacksOffFromAMinute(t *testing.T) {
	p := NewPace("gw-042", 0, nil)
	p.jitter = func(time.Duration) time.Duration { return 0 }
	for _, want := range []time.Duration{1, 2, 4, 4, 4} {
		p.Failed(time.Time{}, RetryRival, time.Second)
		if p.pause != want*time.Minute {
			t.Errorf("pause %v, want %v min", p.pause, int(want))
		}
	}
}

func TestKeepFindsOutWhatThePolicyForbids(t *testing.T) {
	var k keep
	step := func(accepted bool, asks, stays bool) {
		t.Helper()
		if k.ask() != asks {
			t.Fatalf("at step %d: asks for persistence: %v", k.step, k.ask())
		}
		if !accepted {
			k.refused()
		} else if k.accepted() != stays {
			t.Fatalf("at step %d: stays %v", k.step, !stays)
		}
	}
	step(false, true, false)
	step(false, true, false)
	step(false, false, false) // refused without persistence as well: it is something else
	step(false, true, false)
	step(false, true, false)
	step(true, false, false) // accepted without
	step(false, true, false) // refused with
	if !k.forbidden() {
		t.Fatal("not known to be forbidden")
	}
	step(true, false, true)
	step(false, false, true) // now it is something else again
	step(true, true, true)
	if k.forbidden() {
		t.Error("still taken for forbidden after it was accepted")
	}
}

// TestKeepDoesNotGiveUpAKeptSession: a CONNECT without persistence costs the
// messages that wait in it.
func TestKeepDoesNotGiveUpAKeptSession(t *testing.T) {
	var k keep
	for range 2 { // it is remembered when it was something else, too
		if !k.ask() || !k.accepted() {
			t.Fatal("it does not ask for persistence, or does not stay")
		}
		for n := range cleanAfterKept {
			if !k.ask() {
				t.Fatalf("given up after %d refusals", n)
			}
			k.refused()
		}
		if k.ask() {
			t.Fatalf("not given up after %d refusals", cleanAfterKept)
		}
		k.refused()
	}
}

func TestPlainErrors(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}, "connection refused"},
		{&net.OpError{Op: "dial", Err: syscall.EHOSTUNREACH}, "no route"},
		{&net.OpError{Op: "dial", Err: syscall.ENETUNREACH}, "no route"},
		{&net.OpError{Op: "read", Err: syscall.ETIMEDOUT}, "no answer within 5s"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, "closed by the far side"},
		{&net.OpError{Op: "dial", Err: errors.New("device gone")}, "device gone"},
		{fmt.Errorf("dialling: %w", errors.New("odd")), "dialling: odd"},
	} {
		if got := plain(c.err, 5*time.Second); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}

func TestDurationsForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		400 * time.Millisecond: "0 s", 59 * time.Second: "59 s", 90 * time.Second: "1 min",
		3*time.Hour + 2*time.Minute: "3 h 2 min", 59 * time.Hour: "2 d 11 h",
	} {
		if got := duration(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
}

func TestBrokenConnections(t *testing.T) {
	for err, want := range map[error]status.Reason{
		syscall.ETIMEDOUT:    status.ReasonNoPing,
		syscall.EHOSTUNREACH: status.ReasonUnreachable,
		errNotMQTT:           status.ReasonUnreachable,
		syscall.ECONNRESET:   status.ReasonConnecting,
	} {
		l := &live{s: New(Options{}), conn: newConn(nil, nil, 0)}
		f := l.broken(&net.OpError{Op: "read", Err: err})
		if f.reason != want || f.byBroker != (err == syscall.ECONNRESET) {
			t.Errorf("%v: %+v, want %s", err, f, want)
		}
	}
}
