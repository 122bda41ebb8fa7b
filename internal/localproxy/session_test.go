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

// Fault 1: the reference dies when a local reader falls 131 KB behind. Here a
// reader that pauses for 4 s gets every byte of 8 MB, and the tunnel waits.
func TestFault01PausedReaderGetsEveryByte(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(64 << 10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		want := randomBytes(1, 8<<20)
		go func() {
			p.send(startOf(1, 1))
			p.sendAll(1, want, maxPayload)
			p.send(resetOf(1, 1))
		}()
		time.Sleep(4 * time.Second)
		if got := dest.takeAll(); !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want the %d sent", len(got), len(want))
		}
		dest.end()
		r.stop()
		<-r.done
	})
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
		if reasons := r.reasons(); len(reasons) != 1 || !strings.Contains(reasons[0], "too slowly") {
			t.Errorf("reasons %q", reasons)
		}
		r.stop()
		<-r.done
	})
}

// Fault 2: the reference buffers the uplink without bound. Here a destination
// is not read while the service does not.
func TestFault02UplinkIsReadOnlyAsItDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(0)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(startOf(1, 1))
		synctest.Wait()
		gate := make(chan struct{})
		p.hold(gate)
		const poured = 64 << 20
		dest.give(make([]byte, poured))
		synctest.Wait()
		if taken := poured - dest.unread(); taken > 2*maxPayload {
			t.Errorf("%d bytes taken from the destination while nothing drained", taken)
		}
		close(gate)
		got := 0
		for got < poured {
			m, ok := p.next()
			if !ok {
				t.Fatal("the session ended")
			}
			got += len(m.payload)
		}
		r.stop()
		<-r.done
	})
}

// Fault 3: first bytes in the same message as the start.
func TestFault03DataBesideTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(100)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(startOf(1, 1), dataOf(1, 1, []byte("first")), dataOf(1, 1, []byte(" words")))
		if got := dest.take(11); string(got) != "first words" {
			t.Errorf("got %q", got)
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

// Fault 4: SESSION_RESET and a repeated SERVICE_IDS wedge the reference.
func TestFault04SessionResetAndRepeatedServices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first, second := newFakeLocal(100), newFakeLocal(100)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(first, second))
		services := message{kind: kindServiceIDs, available: []string{"SSH"}}
		p.send(services, services, startOf(1, 1), dataOf(1, 1, []byte("one")))
		if got := first.take(3); string(got) != "one" {
			t.Errorf("got %q", got)
		}
		p.send(services, message{kind: kindSessionReset}, services)
		if rest := first.takeAll(); len(rest) != 0 {
			t.Errorf("got %q after the reset", rest)
		}
		p.send(startOf(2, 1), dataOf(2, 1, []byte("two")))
		if got := second.take(3); string(got) != "two" {
			t.Errorf("got %q", got)
		}
		r.stop()
		<-r.done
	})
}

// Fault 5: a refused connection is reset alone.
func TestFault05RefusedConnectionHurtsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(100)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		p.send(startOf(1, 1))
		synctest.Wait()
		p.send(moreOf(1, 2), dataOf(1, 2, []byte("lost")))
		p.wantReset(t, 2)
		p.send(dataOf(1, 1, []byte("alive")))
		if got := dest.take(5); string(got) != "alive" {
			t.Errorf("got %q", got)
		}
		r.stop()
		<-r.done
	})
}

// Fault 7: a half-open WebSocket.
func TestFault07SilentServiceIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := startSession(t, "SSH=22", Policy{}, dialing())
		p.silence(true)
		began := time.Now()
		<-r.done
		if took := time.Since(began); took != 40*time.Second {
			t.Errorf("noticed after %s, want 40s", took)
		}
		if !errors.Is(r.err, errSilent) {
			t.Errorf("ended with %v", r.err)
		}
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

// Fault 9: a CONNECTION_RESET, DATA or STREAM_RESET of a stale stream.
func TestFault09StaleStreamIsIgnored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, current := newFakeLocal(100), newFakeLocal(100)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(old, current))
		p.send(startOf(7, 1))
		synctest.Wait()
		p.send(startOf(8, 1))
		synctest.Wait()
		p.send(resetOf(7, 1), dataOf(7, 1, []byte("stale")))
		p.send(message{kind: kindStreamReset, stream: 7, service: []byte("SSH")})
		p.send(dataOf(8, 1, []byte("live")))
		if got := current.take(4); string(got) != "live" {
			t.Errorf("got %q", got)
		}
		if rest := old.takeAll(); len(rest) != 0 {
			t.Errorf("the replaced stream got %q", rest)
		}
		r.stop()
		<-r.done
	})
}

// Fault 10: nothing blocks while a destination is dialled, and a stop does not
// wait for it.
func TestFault10StopDuringDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := startSession(t, "SSH=22,VNC=5900", Policy{}, func(ctx context.Context, d Destination) (local, error) {
			if d.Address == "localhost:5900" {
				return polite(newFakeLocal(10)), nil
			}
			<-ctx.Done()
			return nil, context.Cause(ctx)
		})
		p.send(startOf(1, 1))
		vnc := startOf(2, 1)
		vnc.service = []byte("VNC")
		p.send(vnc)
		synctest.Wait()
		if live := p.session.live.Load(); live != 2 {
			t.Errorf("%d connections live, want both", live)
		}
		began := time.Now()
		r.stop()
		<-r.done
		if took := time.Since(began); took != 0 {
			t.Errorf("stopping took %s", took)
		}
	})
}

// Fault 11: peers that keep the destination's end to themselves. The end comes
// after every byte, and what is queued the other way is still handed over.
func TestFault11EndIsPassedOnAfterTheData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dest := newFakeLocal(10)
		p, r := startSession(t, "SSH=22", Policy{}, dialing(dest))
		down, up := randomBytes(3, 100<<10), randomBytes(4, 300<<10)
		p.send(startOf(1, 1))
		synctest.Wait()
		p.sendAll(1, down, 5000)
		synctest.Wait()
		dest.give(up)
		dest.end()
		var got []byte
		for {
			m, ok := p.next()
			if !ok || m.kind != kindData {
				if m.kind != kindConnectionReset {
					t.Errorf("after the data came %+v", m)
				}
				break
			}
			got = append(got, m.payload...)
		}
		if !bytes.Equal(got, up) {
			t.Errorf("%d bytes came up, want %d", len(got), len(up))
		}
		if got := dest.takeAll(); !bytes.Equal(got, down) {
			t.Errorf("%d bytes came down, want %d", len(got), len(down))
		}
		r.stop()
		<-r.done
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
