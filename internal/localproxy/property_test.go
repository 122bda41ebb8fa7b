package localproxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// A story is one random life of a session: streams, connections, resets, slow
// and stuck readers, refused dials, and a stream of bytes cut anywhere.
type story struct {
	t    *testing.T
	rand *rand.Rand
	peer *peer
	run  *sessionRun

	stream int32 // the current stream; ids never repeat
	next   uint32
	live   []*thread // as far as the source knows
	all    map[uint32]*thread
	bytes  []byte // of the stream, not sent yet

	mu sync.Mutex
}

// thread is one connection as the story knows it.
type thread struct {
	id     uint32
	stream int32
	sent   []byte // by the source
	closed bool   // by the source, in order

	got       []byte // by the destination
	given     []byte // by the destination
	ended     bool   // by the destination
	dest      *fakeLocal
	stuck     bool   // the destination never reads
	carried   []byte // of given, to the source
	resets    int    // from the proxy
	afterward bool   // something came after a reset
}

// stories is how many seeds a test run tells.
const stories = 25

// TestEveryByteOnceInOrderOrACleanReset runs many stories.
func TestEveryByteOnceInOrderOrACleanReset(t *testing.T) {
	for seed := range uint64(stories) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tell(t, seed) })
		})
	}
}

func tell(t *testing.T, seed uint64) {
	s := &story{t: t, rand: rand.New(rand.NewPCG(seed, 1)), all: map[uint32]*thread{}, stream: 1}
	s.peer, s.run = startSession(t, "SSH=22", Policy{QueueBytes: 40 << 10}, s.dial)
	listened := make(chan struct{})
	go func() {
		s.listen()
		close(listened)
	}()
	s.start(kindStreamStart)
	for range 300 {
		s.step()
	}
	s.flush()
	time.Sleep(5 * time.Minute) // every reader has read or been given up
	synctest.Wait()
	s.check()
	s.run.stop()
	<-s.run.done
	<-listened
	for _, th := range s.all {
		if th.dest != nil && !th.dest.isClosed() {
			t.Errorf("connection %d: the destination's socket was left open", th.id)
		}
	}
}

// dial refuses some, takes its time with others, and gives each destination a
// temper of its own.
func (s *story) dial(ctx context.Context, _ Destination) (local, error) {
	s.mu.Lock()
	temper, delay := s.rand.IntN(10), time.Duration(s.rand.IntN(1500))*time.Millisecond
	room := 1 + s.rand.IntN(20<<10)
	s.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if temper == 0 {
		return nil, errors.New("connection refused")
	}
	dest := newFakeLocal(room)
	go s.live1(dest, temper)
	return dest, nil
}

// live1 is a destination's life. Its connection's number comes first.
func (s *story) live1(dest *fakeLocal, temper int) {
	head := dest.take(4)
	if len(head) < 4 {
		return
	}
	s.mu.Lock()
	th := s.all[binary.BigEndian.Uint32(head)]
	th.dest, th.got = dest, head
	s.mu.Unlock()
	for {
		s.mu.Lock()
		size, pause, say := 1+s.rand.IntN(8<<10), time.Duration(s.rand.IntN(400))*time.Millisecond, s.rand.IntN(8)
		words := randomBytes(s.rand.Uint64(), s.rand.IntN(90<<10))
		s.mu.Unlock()
		if temper == 1 {
			s.mu.Lock()
			th.stuck = true
			s.mu.Unlock()
			dest.awaitClosed()
			return
		}
		p := dest.takeSome(size)
		s.mu.Lock()
		th.got = append(th.got, p...)
		if say == 0 && !th.ended {
			th.given = append(th.given, words...)
			dest.give(words)
		}
		over := len(p) == 0
		th.ended = th.ended || say == 1 && temper == 2 && !over
		if th.ended || over {
			dest.end()
		}
		s.mu.Unlock()
		if over {
			return
		}
		if temper == 3 {
			time.Sleep(pause)
		}
	}
}

// step is one thing that a source or the service does.
func (s *story) step() {
	s.mu.Lock()
	what, size := s.rand.IntN(20), s.rand.IntN(30<<10)
	s.mu.Unlock()
	switch {
	case what < 2:
		s.start(kindConnectionStart)
	case what == 2 && s.chance(4):
		s.start(kindStreamStart)
	case what == 3:
		if th := s.pick(); th != nil {
			s.close(th)
			s.add(resetOf(th.stream, th.id))
		}
	case what == 4 && s.chance(10):
		for _, th := range s.live {
			s.close(th)
		}
		if s.chance(2) {
			s.add(message{kind: kindSessionReset})
		} else {
			s.add(message{kind: kindStreamReset, stream: s.stream, service: []byte("SSH")})
		}
	case what == 5:
		s.add(message{kind: 99, ignorable: true, stream: 3})
		s.add(resetOf(s.stream+1000, 1), dataOf(s.stream+1000, 1, []byte("stale")))
	case what == 6:
		s.flush()
		time.Sleep(100 * time.Millisecond)
	default:
		if th := s.pick(); th != nil {
			s.say(th, size)
		}
	}
	if len(s.bytes) > 100<<10 {
		s.flush()
	}
}

func (s *story) chance(in int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.rand.IntN(in) == 0
}

func (s *story) pick() *thread {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.live) == 0 {
		return nil
	}
	return s.live[s.rand.IntN(len(s.live))]
}

func (s *story) start(k kind) {
	if k == kindStreamStart {
		for _, th := range s.live {
			s.close(th)
		}
		s.stream++
	}
	s.mu.Lock()
	s.next++
	th := &thread{id: s.next, stream: s.stream}
	s.all[th.id] = th
	s.live = append(s.live, th)
	s.mu.Unlock()
	s.add(message{kind: k, stream: th.stream, service: []byte("SSH"), connection: th.id})
	th.sent = binary.BigEndian.AppendUint32(nil, th.id)
	s.add(dataOf(th.stream, th.id, th.sent))
}

func (s *story) say(th *thread, size int) {
	p := randomBytes(uint64(len(th.sent)), size)
	th.sent = append(th.sent, p...)
	s.add(dataOf(th.stream, th.id, p))
}

// close is the source's end of a thread, in order.
func (s *story) close(th *thread) {
	s.mu.Lock()
	defer s.mu.Unlock()
	th.closed = true
	var rest []*thread
	for _, other := range s.live {
		if other != th {
			rest = append(rest, other)
		}
	}
	s.live = rest
}

func (s *story) add(messages ...message) {
	for _, m := range messages {
		s.bytes = append(s.bytes, m.encode()...)
	}
}

// flush sends what was added, cut anywhere.
func (s *story) flush() {
	for len(s.bytes) > 0 {
		s.mu.Lock()
		n := min(len(s.bytes), 1+s.rand.IntN(60<<10))
		if s.rand.IntN(4) == 0 {
			n = min(n, 1+s.rand.IntN(10))
		}
		s.mu.Unlock()
		s.peer.raw(frame(opBinary, s.bytes[:n]))
		s.bytes = s.bytes[n:]
	}
}

// listen takes in what the proxy sends.
func (s *story) listen() {
	for {
		m, ok := s.peer.next()
		if !ok {
			return
		}
		s.mu.Lock()
		th := s.all[m.connection]
		switch {
		case th == nil || th.stream != m.stream:
			s.t.Errorf("for a connection that never was: %+v", m)
		case th.resets > 0:
			th.afterward = true
		case m.kind == kindData:
			th.carried = append(th.carried, m.payload...)
		case m.kind == kindConnectionReset:
			th.resets++
		default:
			s.t.Errorf("an answer of type %d", m.kind)
		}
		s.mu.Unlock()
	}
}

func (s *story) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, th := range s.all {
		switch {
		case !bytes.HasPrefix(th.sent, th.got):
			s.t.Errorf("connection %d: the destination got what was not sent", th.id)
		case !bytes.HasPrefix(th.given, th.carried):
			s.t.Errorf("connection %d: the source got what was not given", th.id)
		case th.afterward:
			s.t.Errorf("connection %d: something came after its reset", th.id)
		case th.resets == 0 && th.dest == nil && !th.closed:
			s.t.Errorf("connection %d: neither opened nor reset", th.id)
		}
		s.checkWhole(th)
	}
}

// checkWhole holds a thread that nobody cut off to having everything.
func (s *story) checkWhole(th *thread) {
	refused := th.closed && th.dest == nil
	if th.resets == 0 && !th.stuck && !refused && len(th.got) < len(th.sent) {
		s.t.Errorf("connection %d: %d of %d bytes arrived and no reset", th.id, len(th.got), len(th.sent))
	}
	if !th.closed && th.resets == 0 && len(th.carried) < len(th.given) {
		s.t.Errorf("connection %d: %d of %d bytes were carried and no reset", th.id, len(th.carried), len(th.given))
	}
	if th.ended && !th.closed && (th.resets != 1 || len(th.carried) != len(th.given)) {
		s.t.Errorf("connection %d: its destination closed after %d bytes; %d were carried, %d resets",
			th.id, len(th.given), len(th.carried), th.resets)
	}
}
