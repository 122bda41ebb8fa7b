package resolver

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// resolverAt serves DNS on port 53 of an address in a namespace.
func resolverAt(t *testing.T, ns netns.NsHandle, addr string, answer transport) {
	t.Helper()
	elsewhere(t, ns, func() {
		pc, err := net.ListenPacket("udp4", addr+":53")
		if err != nil {
			t.Fatal(err)
		}
		serveDNS(t, &dns.Server{PacketConn: pc, Handler: handler(answer)})
	})
}

func TestExchangeGoesThroughTheDevice(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		path, far := farSide(t)
		resolverAt(t, far, "10.0.0.2", answerWith("10.0.6.105"))
		// What takes the resolver's address for itself does not get the query.
		trap := device(t, "eavf2", "192.168.1.7/24")
		addRoute(t, trap, "10.0.0.2/32")
		server := netip.MustParseAddrPort("10.0.0.2:53")
		if r, err := patient().Exchange(t.Context(), aQuery(), server, path.Device); err != nil || len(r.Answer) != 1 {
			t.Errorf("bound to the device: %v, %v", r, err)
		}
		if r, err := soon().Exchange(t.Context(), aQuery(), server, ""); err == nil {
			t.Errorf("unbound it went through as well: %v", r)
		}
		prober := NewProber(ProberOptions{Host: testHost, Client: patient(), Log: slog.New(slog.DiscardHandler)})
		if rtt, err := prober.Probe(t.Context(), path); err != nil || rtt <= 0 {
			t.Errorf("probe: %s, %v", rtt, err)
		}
	})
}

func TestProbeTakesAClosedPortForLife(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		path, _ := farSide(t)
		prober := NewProber(ProberOptions{Host: testHost, Client: patient(), Log: slog.New(slog.DiscardHandler)})
		if _, err := prober.Probe(t.Context(), path); err != nil {
			t.Errorf("the far side refused, yet: %v", err)
		}
		if err := prober.Last().Err; !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the result is %v", err)
		}
		path.Servers = mustAddrs("10.0.0.77") // nobody there
		prober = NewProber(ProberOptions{Host: testHost, Client: soon(), Log: slog.New(slog.DiscardHandler)})
		if _, err := prober.Probe(t.Context(), path); err == nil {
			t.Error("nobody answered, yet the probe went well")
		}
	})
}

// await polls until one of the updates after the first n has this reason, and
// returns it and how many there were.
func (r *reports) await(t *testing.T, n int, reason status.Reason) (status.Update, int) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		r.mu.Lock()
		all := slices.Clone(r.all)
		r.mu.Unlock()
		for i := n; i < len(all); i++ {
			if all[i].Reason == reason {
				return all[i], i + 1
			}
		}
	}
	t.Fatalf("never %s, last %+v", reason, r.last())
	return status.Update{}, 0
}

func TestVerifierInARealKernel(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		path, far := farSide(t)
		resolverAt(t, far, "10.0.0.2", answerWith("10.0.6.105"))
		resolvConf(t, "10.0.0.2")
		lan := device(t, "eavf2", "192.168.1.7/24")
		addRoute(t, lan, "0.0.0.0/0")

		cfg := config.Default()
		cfg.Endpoint.Host = testHost
		prober := NewProber(ProberOptions{Host: testHost, Client: patient(), Log: slog.New(slog.DiscardHandler)})
		v := NewVerifier(VerifierOptions{
			Endpoint: cfg.Endpoint, Prober: prober, Client: patient(), Probe: cfg.Probe, Log: slog.New(slog.DiscardHandler),
			Path:     func() (Path, bool) { return path, true },
			HostMode: func() string { return config.HostFile },
			Route: func(_ context.Context, addrs ...netip.Addr) error {
				return netlink.RouteReplace(routeOver(t, path, addrs[0].String()+"/32"))
			},
		})
		var said reports
		done := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { done <- v.Run(ctx, said.report) }()
		if _, err := prober.Probe(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		_, n := said.await(t, 0, status.ReasonPrivate)

		// The link takes a route back, and that it was lost shows all the same.
		if err := netlink.RouteReplace(routeOver(t, lan, "10.0.6.105/32")); err != nil {
			t.Fatal(err)
		}
		_, n = said.await(t, n, status.ReasonNoRoute)
		_, n = said.await(t, n, status.ReasonPrivate)

		// Against a rule it is powerless.
		table := routeOver(t, lan, "10.0.6.105/32")
		table.Table = 100
		rule := netlink.NewRule()
		rule.Table, rule.Priority = 100, 1000
		if err := errors.Join(netlink.RouteAdd(table), netlink.RuleAdd(rule)); err != nil {
			t.Fatal(err)
		}
		u, _ := said.await(t, n, status.ReasonNoRoute)
		if want := "10.0.6.105 would leave through eavf2, not eavf0"; u.Detail != want {
			t.Errorf("detail %q, want %q", u.Detail, want)
		}
		_, err := v.Dial(t.Context(), netip.MustParseAddrPort("10.0.6.105:8883"))
		var refusal *NotProvedError
		if !errors.As(err, &refusal) {
			t.Errorf("dialled a hijacked address: %v", err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

// resolvConf gives this process, and no other, an /etc/resolv.conf of its own.
func resolvConf(t *testing.T, server string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(file, []byte("nameserver "+server+"\nsearch example.internal\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount(file, "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		t.Fatal(err)
	}
}

func TestOSLookupAsksAsOtherProgramsDo(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		here, err := netns.Get()
		if err != nil {
			t.Fatal(err)
		}
		defer here.Close()
		asked := make(chan string, 8)
		var gone atomic.Bool
		resolverAt(t, here, "127.0.0.53", func(w dns.ResponseWriter, q *dns.Msg) {
			asked <- q.Question[0].String()
			if gone.Load() {
				_ = w.WriteMsg(new(dns.Msg).SetRcode(q, dns.RcodeNameError))
				return
			}
			answerWith("198.51.100.80", "198.51.100.81")(w, q)
		})
		resolvConf(t, "127.0.0.53")
		for range 2 {
			addrs, err := osLookup(t.Context(), testHost)
			if err != nil || joinAddrs(sortAddrs(addrs)) != "198.51.100.80, 198.51.100.81" {
				t.Fatalf("got %v, %v", addrs, err)
			}
		}
		gone.Store(true)
		if addrs, err := osLookup(t.Context(), testHost); err == nil {
			t.Errorf("a name that is gone has %v", addrs)
		}
		var questions []string
		for len(asked) > 0 {
			questions = append(questions, <-asked)
		}
		// IPv4 only, no cache, and no search list where the name is gone.
		one := ";" + testHost + ".\tIN\t A"
		if want := []string{one, one, one}; !slices.Equal(questions, want) {
			t.Errorf("asked %q, want %q", questions, want)
		}
	})
}

// The look must not be the leak, whatever the file says by the time it is read.
func TestOSLookupTellsNobodyElse(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		_, far := farSide(t)
		var asked atomic.Int32
		resolverAt(t, far, "10.0.0.2", func(w dns.ResponseWriter, q *dns.Msg) {
			asked.Add(1)
			answerWith("198.51.100.80")(w, q)
		})
		resolvConf(t, "10.0.0.2")
		addrs, err := osLookup(t.Context(), testHost)
		if err == nil || !strings.Contains(err.Error(), "10.0.0.2 is not on this device") || asked.Load() > 0 {
			t.Errorf("got %v, %v; the server was asked %d times", addrs, err, asked.Load())
		}
	})
}

func TestOnThisDevice(t *testing.T) {
	inNetns(t, func(t *testing.T) {
		device(t, "eavd", "192.168.1.7/24")
		for addr, want := range map[string]bool{
			"127.0.0.153": true, "::1": true, "192.168.1.7": true, "192.168.1.1": false, "8.8.8.8": false, "2001:db8::1": false,
		} {
			if got := onThisDevice(netip.AddrPortFrom(netip.MustParseAddr(addr), 53)); got != want {
				t.Errorf("%s: %t", addr, got)
			}
		}
	})
}
