package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"
)

// fakeVPC answers in place of the Client, without a socket.
type fakeVPC struct {
	mu     sync.Mutex
	answer func(server netip.Addr) (*dns.Msg, error) // nil: silence
	asked  []netip.Addr
	times  []time.Time
	busy   int  // questions under way
	hangs  bool // what has met silence goes on to, as over a connection that is broken
}

// silence is how long the Client waits for a silent server: UDP, then TCP.
const silence = defaultUDPTimeout + defaultTCPTimeout

// tries are when something is sent to a silent server: a datagram, then the SYNs
// that the kernel repeats after 1 and 3 s.
var tries = []time.Duration{
	0, defaultUDPTimeout, defaultUDPTimeout + time.Second, defaultUDPTimeout + 3*time.Second,
}

// roundTrip is how long an answer takes.
const roundTrip = 12 * time.Millisecond

func (f *fakeVPC) Exchange(ctx context.Context, q *dns.Msg, server netip.AddrPort, _ string) (*dns.Msg, error) {
	f.mu.Lock()
	f.asked = append(f.asked, server.Addr())
	f.times = append(f.times, time.Now())
	f.busy++
	f.mu.Unlock()
	defer f.done()
	began := time.Now()
	m, err := (*dns.Msg)(nil), os.ErrDeadlineExceeded
	for _, try := range tries {
		if waitErr := waitFor(ctx, time.Until(began.Add(try)), nil); waitErr != nil {
			return nil, waitErr
		}
		if try > 0 && f.hangs {
			continue
		}
		if m, err = f.say(server.Addr()); !errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, waitFor(ctx, time.Until(began.Add(silence)), fmt.Errorf("asking %s: %w", server, err))
	}
	if m != nil {
		m.Id, m.Response, m.Question = q.Id, true, q.Question
	}
	if waitErr := waitFor(ctx, roundTrip, nil); waitErr != nil {
		return nil, waitErr
	}
	return m, err
}

// say is what a server answers at this moment.
func (f *fakeVPC) say(server netip.Addr) (*dns.Msg, error) {
	f.mu.Lock()
	answer := f.answer
	f.mu.Unlock()
	if answer == nil {
		return nil, os.ErrDeadlineExceeded
	}
	return answer(server)
}

func (f *fakeVPC) done() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.busy--
}

// underWay returns how many questions are waited for.
func (f *fakeVPC) underWay() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.busy
}

func waitFor(ctx context.Context, d time.Duration, otherwise error) error {
	if d <= 0 && ctx.Err() == nil {
		return otherwise // two timers that have run out at once in a bubble crash Go 1.26's race detector
	}
	select {
	case <-time.After(d):
		return otherwise
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *fakeVPC) set(answer func(netip.Addr) (*dns.Msg, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.answer = answer
}

// answers has every server give these addresses, for a minute.
func (f *fakeVPC) answers(addrs ...string) { f.answersFor(60, addrs...) }

func (f *fakeVPC) answersFor(ttl uint32, addrs ...string) {
	f.set(func(netip.Addr) (*dns.Msg, error) {
		m := replyWith(aQuery(), addrs...)
		for _, rr := range m.Answer {
			rr.Header().Ttl = ttl
		}
		return m, nil
	})
}

// answersNamed gives addresses to a name other than the endpoint's.
func (f *fakeVPC) answersNamed(name string, addrs ...string) {
	f.set(func(netip.Addr) (*dns.Msg, error) {
		return replyWith(new(dns.Msg).SetQuestion(dns.Fqdn(name), dns.TypeA), addrs...), nil
	})
}

func (f *fakeVPC) fails(rcode int) {
	f.set(func(netip.Addr) (*dns.Msg, error) { return new(dns.Msg).SetRcode(aQuery(), rcode), nil })
}

func (f *fakeVPC) refuses() {
	f.set(func(netip.Addr) (*dns.Msg, error) { return nil, fmt.Errorf("reading: %w", syscall.ECONNREFUSED) })
}

func (f *fakeVPC) isSilent() { f.set(nil) }

// questions returns how many there were so far.
func (f *fakeVPC) questions() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// gaps returns the times between the last n questions.
func (f *fakeVPC) gaps(n int) []time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []time.Duration
	times := f.times[max(0, len(f.times)-n-1):]
	for i := 1; i < len(times); i++ {
		out = append(out, times[i].Sub(times[i-1]))
	}
	return out
}

func (f *fakeVPC) servers() []netip.Addr {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.asked)
}

func newFakeProber(f *fakeVPC) *Prober {
	p := NewProber(ProberOptions{Host: testHost, Log: slog.New(slog.DiscardHandler)})
	p.ask = f
	return p
}

func tun0(servers ...string) Path {
	if servers == nil {
		servers = []string{"10.0.0.2"}
	}
	return Path{
		Link: "vpn", Device: "tun0", Index: 7,
		Address: netip.MustParsePrefix("172.31.0.34/27"), Servers: mustAddrs(servers...),
	}
}
