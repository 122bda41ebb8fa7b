package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// udpRig is a stub that reads from a socket of its own, with an uplink that
// answers slow names when it is let.
type udpRig struct {
	*stubRig
	*readers
	arrived chan string
	release func()
	ended   chan error
	conn    *dns.Conn
}

func newUDPRig(t *testing.T) *udpRig {
	t.Helper()
	l, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	released := make(chan struct{})
	r := &udpRig{
		stubRig: newStubRig(t), ended: make(chan error, 2),
		arrived: make(chan string, maxInFlight), release: sync.OnceFunc(func() { close(released) }),
	}
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Qtype == dns.TypeTXT {
			r.arrived <- q.Question[0].Name
			<-released
		}
		return new(dns.Msg).SetReply(q)
	})
	ctx, cancel := context.WithCancel(t.Context())
	running := &serving{answering: t.Context()}
	r.readers = newReaders(ctx, func(err error) { r.ended <- err }, r.Stub, running, l.udp)
	running.Go(r.read)
	t.Cleanup(func() {
		cancel()
		r.release()
		l.stopReading()
		running.Wait()
		l.close()
	})
	client, err := net.Dial("udp", l.addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	_ = client.SetDeadline(time.Now().Add(20 * time.Second))
	r.conn = &dns.Conn{Conn: client}
	return r
}

func (r *udpRig) ask(t *testing.T, name string, qtype uint16) {
	t.Helper()
	if err := r.conn.WriteMsg(new(dns.Msg).SetQuestion(name, qtype)); err != nil {
		t.Fatal(err)
	}
}

// askSlow returns when the question waits for its server.
func (r *udpRig) askSlow(t *testing.T, name string) {
	t.Helper()
	r.ask(t, name, dns.TypeTXT)
	select {
	case <-r.arrived:
	case <-time.After(10 * time.Second):
		t.Fatalf("%s is not asked of the uplink", name)
	}
}

// answered returns the name of the next answer.
func (r *udpRig) answered(t *testing.T) string {
	t.Helper()
	m, err := r.conn.ReadMsg()
	if err != nil {
		t.Fatal(err)
	}
	return m.Question[0].Name
}

// As many as there may be can wait for a server, and the next is read and
// answered still.
func TestAWaitOverUDPHoldsUpNobody(t *testing.T) {
	r := newUDPRig(t)
	for i := range maxInFlight - 1 {
		r.askSlow(t, fmt.Sprintf("slow%d.example.com.", i))
	}
	for i := range 3 {
		name := fmt.Sprintf("fast%d.example.com.", i)
		r.ask(t, name, dns.TypeA)
		if got := r.answered(t); got != name {
			t.Errorf("answered %s, want %s", got, name)
		}
	}
	r.release()
	names := map[string]bool{}
	for range maxInFlight - 1 {
		names[r.answered(t)] = true
	}
	if len(names) != maxInFlight-1 {
		t.Errorf("%d of the slow ones are answered, want %d", len(names), maxInFlight-1)
	}
	r.ask(t, "after.example.com.", dns.TypeA)
	if got := r.answered(t); got != "after.example.com." {
		t.Errorf("after the rush: answered %s", got)
	}
}

// What a rush leaves behind would keep its memory for ever.
func TestReadersAreNotKeptWithoutBound(t *testing.T) {
	r := newUDPRig(t)
	const rush = 3 * maxIdleReaders
	for i := range rush {
		r.askSlow(t, fmt.Sprintf("slow%d.example.com.", i))
	}
	r.release()
	for range rush {
		r.answered(t)
	}
	const want = maxIdleReaders + 1 // one has the turn
	for deadline := time.Now().Add(10 * time.Second); readersNow() != want; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d readers are left, want %d", readersNow(), want)
		}
	}
	// The ones that are kept serve again.
	var asking sync.WaitGroup
	asking.Go(func() {
		for i := range rush {
			r.ask(t, fmt.Sprintf("more%d.example.com.", i), dns.TypeA)
		}
	})
	for range rush {
		r.answered(t)
	}
	asking.Wait()
}

// readersNow counts the goroutines that read, or wait for their turn.
func readersNow() int {
	stacks := make([]byte, 1<<20)
	return strings.Count(string(stacks[:runtime.Stack(stacks, true)]), "(*readers).read(")
}

// A socket that fails ends the serving, and says why.
func TestASocketThatFailsEndsTheReading(t *testing.T) {
	r := newUDPRig(t)
	_ = r.readers.conn.Close()
	select {
	case err := <-r.ended:
		if !errors.Is(err, net.ErrClosed) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("still reads")
	}
}
