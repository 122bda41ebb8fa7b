package resolver

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/sys/unix"
)

// dialRig is a Verifier with a proof and no Run, so that a test says what holds.
type dialRig struct {
	*verifyRig
	addr     netip.AddrPort // a listener on loopback
	accepted chan net.Conn
	path     Path
}

func newDialRig(t *testing.T) *dialRig {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &dialRig{verifyRig: newVerifyRig(), addr: l.Addr().(*net.TCPAddr).AddrPort(), accepted: make(chan net.Conn, 8)}
	go func() {
		for conn, err := l.Accept(); err == nil; conn, err = l.Accept() {
			r.accepted <- conn
		}
	}()
	r.path = Path{Link: "vpn", Device: "lo", Index: 1, Servers: mustAddrs("10.0.0.2")}
	r.options.Endpoint.Port = r.addr.Port()
	r.options.Endpoint.PrivateCIDRs = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	r.verifier = NewVerifier(r.options)
	r.verifier.kernel, r.verifier.ask = r.kernel, r.vpc
	r.vpc.answers("127.0.0.1", "127.0.0.2")
	if _, err := r.prober.Probe(t.Context(), r.path); err != nil {
		t.Fatal(err)
	}
	r.verifier.publish(proof{path: r.path, addrs: mustAddrs("127.0.0.1", "127.0.0.2")})
	return r
}

// refused dials and checks that nothing went out.
func (r *dialRig) refused(t *testing.T, a netip.AddrPort, why string) {
	t.Helper()
	conn, err := r.verifier.Dial(t.Context(), a)
	var refusal *NotProvedError
	if !errors.As(err, &refusal) {
		t.Fatalf("dialling %s: %v, %v", a, conn, err)
	}
	if refusal.Address != a || !strings.Contains(err.Error(), why) {
		t.Errorf("refused %s with %q", refusal.Address, err)
	}
	if n := len(r.accepted); n > 0 {
		t.Errorf("%d connections arrived", n)
	}
	if !isClosed(r.verifier.again) {
		t.Error("the proof is not judged again")
	}
}

func TestDialBindsToTheDevice(t *testing.T) {
	r := newDialRig(t)
	conn, err := r.verifier.Dial(t.Context(), r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Control(func(fd uintptr) {
		if device, err := unix.GetsockoptString(int(fd), unix.SOL_SOCKET, unix.SO_BINDTODEVICE); err != nil || device != "lo" {
			t.Errorf("bound to %q, %v", device, err)
		}
		for option, want := range map[[2]int]int{
			{unix.SOL_SOCKET, unix.SO_KEEPALIVE}:      0,
			{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT}: int(userTimeout.Milliseconds()),
		} {
			if got, err := unix.GetsockoptInt(int(fd), option[0], option[1]); err != nil || got != want {
				t.Errorf("socket option %v is %d, %v; want %d", option, got, err, want)
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
}

func TestDialRefusesWhatIsNotProved(t *testing.T) {
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, r *dialRig)
		why     string
	}{
		"another address": {func(t *testing.T, r *dialRig) { r.addr = netip.AddrPortFrom(mustAddrs("127.0.0.3")[0], r.addr.Port()) }, "not proved"},
		"another port":    {func(t *testing.T, r *dialRig) { r.addr = netip.AddrPortFrom(r.addr.Addr(), r.addr.Port()-1) }, "not proved"},
		"nothing proved":  {func(t *testing.T, r *dialRig) { r.verifier.publish(proof{}) }, "not proved"},
		"hijacked":        {func(t *testing.T, r *dialRig) { r.kernel.taken[r.addr.Addr()] = "eth0" }, "would leave through eth0"},
		"public by now":   {func(t *testing.T, r *dialRig) { r.answer(t, "127.0.0.1", "198.51.100.80") }, "now answers 127.0.0.1, 198.51.100.80"},
		"gone by now":     {func(t *testing.T, r *dialRig) { r.answer(t, "127.0.0.2") }, "now answers 127.0.0.2"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDialRig(t)
			tc.prepare(t, r)
			r.refused(t, r.addr, tc.why)
		})
	}
}

// answer has a probe learn what the proof does not know yet.
func (r *dialRig) answer(t *testing.T, addrs ...string) {
	r.vpc.answers(addrs...)
	_, _ = r.prober.Probe(t.Context(), r.path)
}

func TestDialAsksAgainOnceTheAnswerHasRunOut(t *testing.T) {
	for name, tc := range map[string]struct {
		set     func(*fakeVPC)
		refused string
	}{
		"still private": {func(f *fakeVPC) { f.answers("127.0.0.1") }, ""},
		"public":        {func(f *fakeVPC) { f.answers("198.51.100.80") }, "now answers 198.51.100.80"},
		"failing":       {func(f *fakeVPC) { f.fails(dns.RcodeServerFailure) }, ""},
		"refusing":      {(*fakeVPC).refuses, ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := newDialRig(t)
			r.vpc.answersFor(0, "127.0.0.1")
			if _, err := r.prober.Probe(t.Context(), r.path); err != nil {
				t.Fatal(err)
			}
			asked := r.vpc.questions()
			tc.set(r.vpc)
			if tc.refused != "" {
				r.refused(t, r.addr, tc.refused)
			} else if conn, err := r.verifier.Dial(t.Context(), r.addr); err != nil {
				t.Error(err)
			} else {
				conn.Close()
			}
			if n := r.vpc.questions() - asked; n != 1 {
				t.Errorf("%d questions", n)
			}
		})
	}
}

func TestDialDoesNotAskWhileTheAnswerLasts(t *testing.T) {
	r := newDialRig(t)
	asked := r.vpc.questions()
	for range 3 {
		conn, err := r.verifier.Dial(t.Context(), r.addr)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	if n := r.vpc.questions() - asked; n != 0 {
		t.Errorf("%d questions", n)
	}
}

// withdrawing is a kernel that lets the proof be withdrawn once it was asked:
// the moment between the last look and the connection.
type withdrawing struct {
	*fakeKernel
	v *Verifier
}

func (k withdrawing) leaves(netip.Addr, Path) error {
	k.v.publish(proof{})
	return nil
}

func TestDialClosesWhatWasWithdrawnMeanwhile(t *testing.T) {
	r := newDialRig(t)
	r.verifier.kernel = withdrawing{r.kernel, r.verifier}
	_, err := r.verifier.Dial(t.Context(), r.addr)
	var refusal *NotProvedError
	if !errors.As(err, &refusal) {
		t.Fatalf("got %v", err)
	}
	conn := <-r.accepted
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if n, err := conn.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection stays open: %d, %v", n, err)
	}
}

func TestDialDeadlineIsNotTheResolversSilence(t *testing.T) {
	r := newDialRig(t)
	r.vpc.answersFor(0, "127.0.0.1")
	if _, err := r.prober.Probe(t.Context(), r.path); err != nil {
		t.Fatal(err)
	}
	before := r.prober.Last().seq
	r.vpc.isSilent()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := r.verifier.Dial(ctx, r.addr); err == nil {
		t.Error("dialled after its deadline")
	}
	if r.prober.Last().seq != before {
		t.Errorf("the dial's deadline counts as %+v", r.prober.Last())
	}
}
