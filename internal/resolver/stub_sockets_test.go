package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// handOver ends a serving stub and returns its sockets, as a process does that
// is about to be replaced.
func handOver(t *testing.T, r *stubRig) (addr netip.AddrPort, files []*os.File) {
	t.Helper()
	if err := r.Listen(); err != nil {
		t.Fatal(err)
	}
	files, err := r.Files()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, f := range files {
			_ = f.Close()
		}
	})
	addr = r.Addr()
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- r.Serve(ctx) }()
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	return addr, files
}

// A question asked while nobody serves is answered by the next process, over
// both transports.
func TestAdoptAnswersWhatHasQueuedUp(t *testing.T) {
	addr, files := handOver(t, newStubRig(t))
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			plain, err := net.Dial(network, addr.String())
			if err != nil {
				t.Fatal(err)
			}
			defer plain.Close()
			_ = plain.SetDeadline(time.Now().Add(20 * time.Second))
			conn := &dns.Conn{Conn: plain}
			if err := conn.WriteMsg(new(dns.Msg).SetQuestion(privateHost+".", dns.TypeA)); err != nil {
				t.Fatal(err)
			}
			next := newStubRig(t)
			next.config.Listen = addr
			next.up()
			if err := next.Adopt(files); err != nil {
				t.Fatal(err)
			}
			next.serve(t)
			m, err := conn.ReadMsg()
			if err != nil {
				t.Fatal(err)
			}
			wantValues(t, m, dns.TypeA, "10.0.20.107", "10.0.6.105")
		})
	}
}

func TestAdoptRefusesOtherSockets(t *testing.T) {
	addr, files := handOver(t, newStubRig(t))
	pipe, end, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer end.Close()
	elsewhere := netip.AddrPortFrom(addr.Addr(), addr.Port()^1)
	for name, tc := range map[string]struct {
		listen netip.AddrPort
		files  []*os.File
	}{
		"none":               {addr, nil},
		"one":                {addr, files[:1]},
		"the wrong way":      {addr, []*os.File{files[1], files[0]}},
		"UDP twice":          {addr, []*os.File{files[0], files[0]}},
		"a pipe":             {addr, []*os.File{pipe, files[1]}},
		"of another address": {elsewhere, files},
	} {
		next := newStubRig(t)
		next.config.Listen = tc.listen
		if err := next.Adopt(tc.files); !errors.Is(err, errOtherSocket) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := next.Files(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("%s: it listens all the same: %v", name, err)
		}
	}
}

// A question that the stub has taken from its socket is lost to the process that
// comes next.
func TestServeAnswersWhatIsUnderWayWhenItEnds(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			r := newStubRig(t)
			asked, release := make(chan struct{}), make(chan struct{})
			answer := zone("slow.example.com. 60 A 192.0.2.1")
			r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
				close(asked)
				<-release
				return answer(q)
			})
			if err := r.Listen(); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- r.Serve(ctx) }()
			conn, err := dns.Dial(network, r.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
			if err := conn.WriteMsg(new(dns.Msg).SetQuestion("slow.example.com.", dns.TypeA)); err != nil {
				t.Fatal(err)
			}
			<-asked
			cancel()
			close(release)
			m, err := conn.ReadMsg()
			if err != nil {
				t.Fatal(err)
			}
			wantValues(t, m, dns.TypeA, "192.0.2.1")
			if err := <-served; err != nil {
				t.Error(err)
			}
		})
	}
}
