package localproxy

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// Many stuck destinations together take no more memory than they may, and
// leave the others what they need.
func TestStuckDestinationsShareABudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const stuck = 20
		policy := Policy{QueueBytes: 256 << 10, TotalQueueBytes: 1 << 20, HoldLimit: time.Millisecond, StallLimit: time.Hour}
		fakes := make([]*fakeLocal, stuck+1)
		for i := range fakes {
			fakes[i] = newFakeLocal(0)
		}
		fakes[stuck] = newFakeLocal(1 << 20)
		p, r := startSession(t, "SSH=22", policy, dialing(fakes...))
		p.send(startOf(1, 1))
		for c := uint32(2); c <= stuck+1; c++ {
			synctest.Wait()
			p.send(moreOf(1, c))
		}
		synctest.Wait()
		got := 0
		for c := uint32(1); c <= stuck; c++ {
			for range 4 { // as much as one may have by itself
				p.send(dataOf(1, c, make([]byte, maxPayload)))
			}
			synctest.Wait()
			got = max(got, r.locals.chunks.bytes())
		}
		if most := policy.TotalQueueBytes + stuck*(maxPayload+chunkSize); got > most {
			t.Errorf("%d bytes queued, want at most %d", got, most)
		}
		p.send(dataOf(1, stuck+1, []byte("room")))
		if got := fakes[stuck].take(4); string(got) != "room" {
			t.Errorf("the one that reads got %q", got)
		}
		r.stop()
		<-r.done
		if got := r.locals.chunks.bytes(); got != 0 {
			t.Errorf("%d bytes queued after the end", got)
		}
	})
}

func TestTooManyConnectionsAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		r.locals.max = 1
		p.send(startOf(1, 1))
		synctest.Wait()
		p.send(moreOf(1, 2))
		p.wantReset(t, 2)
		p.send(dataOf(1, 1, []byte("x")))
		if got := dest.take(1); string(got) != "x" {
			t.Errorf("the first connection got %q", got)
		}
		r.stop()
		<-r.done
	})
}

// A service that provokes answers and never reads cannot make the proxy keep
// them all.
func TestProvokedAnswersAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := startSession(t, "SSH=22", Policy{}, dialing())
		gate := make(chan struct{})
		p.hold(gate)
		for i := range int32(10 * notesSize) {
			bad := startOf(i+1, 1)
			bad.service = []byte("NONE")
			p.send(bad)
		}
		<-r.done
		if !errors.Is(r.err, errProtocol) {
			t.Errorf("ended with %v", r.err)
		}
		close(gate)
	})
}

// A source that has not noticed a reconnect is told, once, that its stream is
// gone.
func TestStreamFromBeforeTheConnectionIsReset(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(dataOf(5, 3, []byte("old")), dataOf(5, 4, []byte("old")))
		if m, _ := p.next(); m.kind != kindStreamReset || m.stream != 5 || string(m.service) != "SSH" || m.connection != 0 {
			t.Errorf("got %+v, want the reset of stream 5", m)
		}
		p.send(moreOf(5, 6), dataOf(5, 6, []byte("new")))
		if got := dest.take(3); string(got) != "new" {
			t.Errorf("got %q", got)
		}
		dest.end()
		if m, _ := p.next(); m.kind != kindConnectionReset || m.connection != 6 {
			t.Errorf("got %+v, want nothing but the end of connection 6", m)
		}
		r.stop()
		<-r.done
	})
}

func TestMessagesForStreamZeroAreIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(startOf(0, 1), dataOf(0, 1, []byte("x")), startOf(1, 1), dataOf(1, 1, []byte("y")))
		if got := dest.take(1); string(got) != "y" {
			t.Errorf("got %q", got)
		}
		r.stop()
		<-r.done
	})
}

// A destination that does not answer is given up in time for the reset.
func TestSilentDestinationIsGivenUp(t *testing.T) {
	addr := fullListener(t)
	d, err := ParseDestination(addr)
	if err != nil {
		t.Fatal(err)
	}
	if limit := (Policy{}).withDefaults().DialTimeout; limit >= 2*time.Second {
		t.Errorf("dials are given %s, want less than the 2 s in which the reset is due", limit)
	}
	cfg := &Config{Policy: Policy{DialTimeout: 50 * time.Millisecond}}
	conn, err := cfg.dialLocal(context.Background(), d)
	var timeout net.Error
	if err == nil || !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("%v, %v, want a timeout", conn, err)
	}
}

// fullListener is a TCP address that answers nothing: its queue of connections
// is full.
func fullListener(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: name.(*unix.SockaddrInet4).Port}).String()
	for range 10 {
		conn, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		var timeout net.Error
		if errors.As(err, &timeout) && timeout.Timeout() {
			return addr
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("the queue does not fill up")
	return ""
}

// What the service sends as names ends up on a terminal.
func TestNamesAreShownAsPlainText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := startSession(t, "SSH=22", Policy{}, dialing())
		evil := "\x1b]0;x\x07é"
		bad := startOf(1, 1)
		bad.service = []byte(evil)
		p.send(message{kind: kindServiceIDs, available: []string{evil}}, bad)
		if m, _ := p.next(); string(m.service) != evil {
			t.Errorf("the answer is for %q", m.service)
		}
		r.stop()
		<-r.done
		for _, e := range r.events {
			for _, text := range append(e.Services, e.Service, e.Reason) {
				if text != printable(text) {
					t.Errorf("event %q tells %q", e.Event, text)
				}
			}
		}
	})
}
