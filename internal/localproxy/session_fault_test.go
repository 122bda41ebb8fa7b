package localproxy

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

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
		began := time.Now()
		if got := dest.takeAll(); !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, want the %d sent", len(got), len(want))
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("the end came %s after the last byte", took)
		}
		dest.end()
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
		synctest.Wait() // the first ping is answered
		p.silence(true)
		began := time.Now()
		<-r.done
		if took := time.Since(began); took != 60*time.Second {
			t.Errorf("noticed after %s, want 60s: the pings at 20 s and at 40 s have no answer", took)
		}
		if !errors.Is(r.err, errSilent) {
			t.Errorf("ended with %v", r.err)
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
