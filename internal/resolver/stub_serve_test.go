package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"
)

// serve runs the stub on real sockets until the test ends.
func (r *stubRig) serve(t testing.TB) netip.AddrPort {
	t.Helper()
	if err := r.Listen(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(10 * time.Second):
			t.Error("Serve does not end")
		}
	})
	return r.Addr()
}

func dialTCP(t testing.TB, addr netip.AddrPort) *dns.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	return &dns.Conn{Conn: conn}
}

func TestServeOverUDPAndTCP(t *testing.T) {
	r := newStubRig(t)
	r.up()
	addr := r.serve(t)
	for _, network := range []string{"udp", "tcp"} {
		c := dns.Client{Net: network, Timeout: 20 * time.Second}
		m, _, err := c.Exchange(new(dns.Msg).SetQuestion(privateHost+".", dns.TypeA), addr.String())
		if err != nil {
			t.Fatal(err)
		}
		wantValues(t, m, dns.TypeA, "10.0.20.107", "10.0.6.105")
	}
}

// A slow answer does not hold up the ones behind it (RFC 7766, section 6.2.1.1).
func TestTCPAnswersOutOfOrder(t *testing.T) {
	r := newStubRig(t)
	release := make(chan struct{})
	answer := zone("slow.example.com. 60 A 192.0.2.1", "fast.example.com. 60 A 192.0.2.2")
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		if q.Question[0].Name == "slow.example.com." {
			<-release
		}
		return answer(q)
	})
	conn := dialTCP(t, r.serve(t))
	for _, name := range []string{"slow.example.com.", "fast.example.com."} {
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA)); err != nil {
			t.Fatal(err)
		}
	}
	// The client is done asking, and still gets both.
	if err := conn.Conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 2 {
		m, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, m.Question[0].Name)
		if len(got) == 1 {
			close(release)
		}
	}
	if want := []string{"fast.example.com.", "slow.example.com."}; !slices.Equal(got, want) {
		t.Errorf("answers in the order %v, want %v", got, want)
	}
	if _, err := conn.ReadMsg(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open though the client closed its side: %v", err)
	}
}

func TestListenServesThisDeviceOnly(t *testing.T) {
	r := newStubRig(t)
	for _, addr := range []string{"0.0.0.0:0", "192.0.2.1:53", "[::]:0"} {
		r.config.Listen = netip.MustParseAddrPort(addr)
		if err := r.Listen(); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", addr, err)
		}
	}
}

// A client with another address of this device is none of loopback's.
func TestServeLoopbackOnly(t *testing.T) {
	own := ownAddress(t)
	addr := newStubRig(t).serve(t)
	q := new(dns.Msg).SetQuestion("localhost.", dns.TypeA) // answered in turn
	local := net.UDPAddrFromAddrPort(netip.AddrPortFrom(own, 0))
	outside, err := net.DialUDP("udp", local, net.UDPAddrFromAddrPort(addr))
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	if err := (&dns.Conn{Conn: outside}).WriteMsg(q); err != nil {
		t.Fatal(err)
	}
	if m, err := dns.Exchange(q, addr.String()); err != nil || len(m.Answer) != 1 {
		t.Fatal(m, err)
	}
	raw, err := outside.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var readErr error
	if err := raw.Control(func(fd uintptr) { _, _, readErr = syscall.Recvfrom(int(fd), make([]byte, 512), 0) }); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(readErr, syscall.EAGAIN) {
		t.Errorf("answered %s: %v", own, readErr)
	}

	conn, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))}).Dial("tcp", addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	wire := &dns.Conn{Conn: conn}
	_ = wire.WriteMsg(q)
	if m, err := wire.ReadMsg(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("TCP from %s: %v, %v", own, m, err)
	}
}

func TestListenNamesWhoHasThePort(t *testing.T) {
	for _, network := range []string{"udp", "tcp"} {
		t.Run(network, func(t *testing.T) {
			first := newStubRig(t)
			if err := first.Listen(); err != nil {
				t.Fatal(err)
			}
			defer first.listener.close()
			if network == "udp" {
				_ = first.listener.tcp.Close()
			} else {
				_ = first.listener.udp.Close()
			}
			r := newStubRig(t)
			r.config.Listen = first.Addr()
			err := r.Listen()
			if !errors.Is(err, syscall.EADDRINUSE) {
				t.Fatalf("Listen: %v", err)
			}
			comm, _ := os.ReadFile("/proc/self/comm")
			if want := "taken by " + strings.TrimSpace(string(comm)) + " (pid "; !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		})
	}
}

func TestListenTwiceAndServeAgain(t *testing.T) {
	r := newStubRig(t)
	if err := errors.Join(r.Listen(), r.Listen()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- r.Serve(ctx) }()
		conn := dialTCP(t, r.waitListening(t))
		late := dialTCP(t, r.Addr())
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion("localhost.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.ReadMsg(); err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("Serve: %v", err)
		}
		for _, c := range []*dns.Conn{conn, late} {
			if _, err := c.ReadMsg(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("a connection outlives Serve: %v", err)
			}
		}
	}
}

// waitListening returns the address once Serve listens.
func (r *stubRig) waitListening(t *testing.T) netip.AddrPort {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if addr := r.Addr(); addr.Port() != 0 {
			return addr
		}
	}
	t.Fatal("Serve does not listen")
	return netip.AddrPort{}
}

// Beyond the bound queries are refused at once, and what is cached or known
// here is still answered.
func TestQueriesInFlightAreBounded(t *testing.T) {
	r := newStubRig(t)
	r.slots = [2]*slots{newSlots(1), newSlots(1)}
	r.up()
	r.lookup(t, "www.example.com", dns.TypeA)
	release := make(chan struct{})
	arrived := make(chan struct{}, 1)
	r.net.set(uplinkServer, func(q *dns.Msg) *dns.Msg {
		arrived <- struct{}{}
		<-release
		return new(dns.Msg).SetReply(q)
	})
	conn := dialTCP(t, r.serve(t))
	ask := func(name string) {
		if err := conn.WriteMsg(new(dns.Msg).SetQuestion(name, dns.TypeA).SetEdns0(1232, false)); err != nil {
			t.Fatal(err)
		}
	}
	read := func() *dns.Msg {
		m, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	ask("slow.example.com.")
	<-arrived
	for range 3 {
		ask("other.example.com.")
		if m := read(); m.Rcode != dns.RcodeServerFailure {
			t.Errorf("beyond the bound: %v", m)
		}
	}
	ask(privateHost + ".") // the VPC is not the one that is slow
	wantValues(t, read(), dns.TypeA, "10.0.20.107", "10.0.6.105")
	r.slots[1].taken <- struct{}{} // now it is, too
	ask("other.amazonaws.com.")
	wantNodata(t, read(), dns.ExtendedErrorCodeOther, "too many queries")
	ask("www.example.com.")
	wantValues(t, read(), dns.TypeA, "203.0.113.80")
	close(release)
	if m := read(); m.Question[0].Name != "slow.example.com." {
		t.Errorf("got %v", m)
	}
	if n := r.log.count("too many DNS queries"); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		pipe, server := net.Pipe()
		go r.serveConn(t.Context(), t.Context(), server)
		client := &dns.Conn{Conn: pipe}
		start := time.Now()
		time.Sleep(tcpIdle - time.Second)
		if err := client.WriteMsg(new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)); err != nil {
			t.Fatal(err)
		}
		m, err := client.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		wantValues(t, m, dns.TypeA, "203.0.113.80")
		if _, err := client.ReadMsg(); err == nil || time.Since(start) != 2*tcpIdle-time.Second {
			t.Errorf("closed after %s (%v), want %s after the last query", time.Since(start), err, tcpIdle)
		}
	})
}

// One that is accepted as Serve ends is closed, not forgotten.
func TestTheLastConnectionIsClosed(t *testing.T) {
	r := newStubRig(t)
	l, err := listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	conn := dialTCP(t, l.addr)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.serveTCP(ctx, nil, l.tcp); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.ReadMsg(); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("still open: %v", err)
	}
}

func TestConnectionsEndWithServe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newStubRig(t)
		client, server := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			r.serveConn(ctx, t.Context(), server)
		}()
		start := time.Now()
		synctest.Wait()
		cancel()
		<-done
		if _, err := client.Read(make([]byte, 1)); err == nil || time.Since(start) != 0 {
			t.Errorf("ended %s late", time.Since(start))
		}
	})
}

func TestBoundTo(t *testing.T) {
	table := `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 9900007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1
   1: 00000000:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1
   2: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1
   3: 9900007F:0036 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 104 1
   4: 9900007F:0035 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000     0        0 105 1
   5: 00000000000000000000000000000000:0035 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 106 1
   6: garbage:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 107 1
   7: short
`
	got := boundTo(table, netip.MustParseAddrPort("127.0.0.153:53"))
	if want := []string{"101", "102", "106"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := holder(netip.MustParseAddrPort("127.0.0.1:1")); !strings.Contains(got, "another program") {
		t.Errorf("a port nobody has: %s", got)
	}
}
