package localproxy

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dialing returns a dial function that hands out the given locals in turn.
func dialing(all ...*fakeLocal) func(context.Context, Destination) (local, error) {
	ch := make(chan *fakeLocal, len(all))
	for _, f := range all {
		ch <- f
	}
	return func(context.Context, Destination) (local, error) {
		select {
		case f := <-ch:
			return f, nil
		default:
			return nil, errors.New("connection refused")
		}
	}
}

// polite has a destination that reads everything close when the proxy does.
func polite(f *fakeLocal) *fakeLocal {
	go func() {
		f.takeAll()
		f.end()
	}()
	return f
}

func startOf(stream int32, connection uint32) message {
	return message{kind: kindStreamStart, stream: stream, service: []byte("SSH"), connection: connection}
}

func moreOf(stream int32, connection uint32) message {
	return message{kind: kindConnectionStart, stream: stream, service: []byte("SSH"), connection: connection}
}

func dataOf(stream int32, connection uint32, p []byte) message {
	return message{kind: kindData, stream: stream, service: []byte("SSH"), connection: connection, payload: p}
}

func resetOf(stream int32, connection uint32) message {
	return message{kind: kindConnectionReset, stream: stream, service: []byte("SSH"), connection: connection}
}

func randomBytes(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = r.Read(b) // never fails (documented)
	return b
}

// sendAll sends p to one connection in payloads of at most size bytes.
func (p *peer) sendAll(connection uint32, b []byte, size int) {
	for len(b) > 0 {
		n := min(size, len(b))
		p.send(dataOf(1, connection, b[:n]))
		b = b[n:]
	}
}

func (p *peer) wantReset(t *testing.T, connection uint32) {
	t.Helper()
	m, ok := p.next()
	if !ok || m.kind != kindConnectionReset || m.connection != connection || m.stream != 1 || string(m.service) != "SSH" {
		t.Errorf("got %+v, %t, want the reset of connection %d", m, ok, connection)
	}
}

// A reader that never reads is given up after 30 s when it is alone.
func TestStuckReaderIsResetAfterTheStallLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(64 << 10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		began := time.Now()
		go func() {
			p.send(startOf(1, 1))
			p.sendAll(1, make([]byte, 4<<20), maxPayload)
		}()
		p.wantReset(t, 1)
		if took := time.Since(began); took != 30*time.Second {
			t.Errorf("reset after %s, want 30s", took)
		}
		if !dest.isClosed() {
			t.Error("the destination's connection is open still")
		}
		r.stop()
		<-r.done
	})
}

// A full connection to which nothing more is sent is given up as well.
func TestFullConnectionIsResetWithoutMoreData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, other := newFakeLocal(1000), newFakeLocal(1000)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(stuck, other))
		p.send(startOf(1, 1))
		synctest.Wait()
		p.send(moreOf(1, 2))
		p.sendAll(1, make([]byte, 100<<10), maxPayload)
		synctest.Wait()
		time.Sleep(29 * time.Second)
		synctest.Wait()
		if stuck.isClosed() {
			t.Fatal("given up too early")
		}
		p.wantReset(t, 1)
		p.send(dataOf(1, 2, []byte("x")))
		if got := other.take(1); string(got) != "x" {
			t.Errorf("the other connection got %q", got)
		}
		r.stop()
		<-r.done
	})
}

// A stuck reader must not hold up the others: with others there it is given up
// as soon as its queue overflows for longer than the hold limit.
func TestStuckReaderDoesNotDelayOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stuck, other := newFakeLocal(1000), newFakeLocal(1<<20)
		policy := Policy{}.withDefaults()
		p, r := startSession(t, "SSH=22", policy, dialing(stuck, other))
		p.send(startOf(1, 1))
		synctest.Wait()
		p.send(moreOf(1, 2))
		synctest.Wait()
		// Up to its bounds, a stuck reader costs the others nothing at all.
		began := time.Now()
		p.sendAll(1, make([]byte, policy.QueueBytes), 1000)
		p.send(dataOf(1, 2, []byte("at once")))
		if got := other.take(7); string(got) != "at once" || time.Since(began) != 0 {
			t.Errorf("got %q after %s, want it at once", got, time.Since(began))
		}
		go func() {
			p.sendAll(1, make([]byte, 8<<20), maxPayload)
			p.send(dataOf(1, 2, []byte("soon")))
		}()
		if got := other.take(4); string(got) != "soon" {
			t.Errorf("got %q", got)
		}
		if took := time.Since(began); took > policy.HoldLimit {
			t.Errorf("the other connection waited %s, want at most %s", took, policy.HoldLimit)
		}
		p.wantReset(t, 1)
		if reasons := r.reasons(); len(reasons) != 1 || !strings.Contains(reasons[0], "while other connections waited") {
			t.Errorf("reasons %q", reasons)
		}
		r.stop()
		<-r.done
	})
}

// What was sent is handed over even if the source closes before the dial ends.
func TestFireAndForgetIsDelivered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(2)
		p, r := startSession(t, "SSH=22", Policy{}, func(context.Context, Destination) (local, error) {
			time.Sleep(time.Second)
			return dest, nil
		})
		p.send(startOf(1, 1), dataOf(1, 1, []byte("last will")), resetOf(1, 1))
		if got := dest.takeAll(); string(got) != "last will" {
			t.Errorf("got %q", got)
		}
		r.stop()
		<-r.done
	})
}

func TestAnsweredPingsKeepTheSession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := startSession(t, "SSH=22", Policy{}, dialing())
		time.Sleep(time.Hour)
		r.stop()
		<-r.done
		if want := 180; p.pings < want || p.pings > want+1 {
			t.Errorf("%d pings in an hour, want about %d", p.pings, want)
		}
		if !errors.Is(r.err, errStopped) || p.closeCode() != closeNormal {
			t.Errorf("ended with %v, close status %d", r.err, p.closeCode())
		}
	})
}

// A destination that takes nothing more may still have something to say.
func TestBrokenDestinationSaysItsLastWord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(100)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(startOf(1, 1))
		synctest.Wait()
		dest.fail(io.ErrClosedPipe)
		p.send(dataOf(1, 1, []byte("refused")))
		synctest.Wait()
		dest.give([]byte("go away"))
		if m, _ := p.next(); string(m.payload) != "go away" {
			t.Errorf("got %+v", m)
		}
		p.wantReset(t, 1) // although the destination never closed
		r.stop()
		<-r.done
	})
}

// While the tunnel waits for a full connection it reads no answers to its
// pings. That is not the service's silence.
func TestWaitingForAReaderIsNotSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(64 << 10)
		p, r := startSession(t, "SSH=22", Policy{StallLimit: time.Hour}, dialing(dest))
		want := randomBytes(1, 2<<20)
		go func() {
			p.send(startOf(1, 1))
			p.sendAll(1, want, maxPayload)
		}()
		time.Sleep(10 * time.Minute)
		if got := dest.take(len(want)); !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want %d", len(got), len(want))
		}
		r.stop()
		<-r.done
	})
}
