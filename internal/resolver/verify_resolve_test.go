package resolver

import (
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"

	"github.com/miekg/dns"
)

const tunnelHost = "data.tunneling.iot.ap-northeast-1.amazonaws.com"

func newResolveRig() *verifyRig {
	r := newVerifyRig()
	r.verifier = NewVerifier(r.options)
	r.verifier.kernel, r.verifier.ask = r.kernel, r.vpc
	return r
}

func TestResolveRoutesPrivateAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolveRig()
		r.vpc.answersNamed(tunnelHost, "10.0.20.9", "10.0.6.9")
		addrs, private, err := r.verifier.Resolve(t.Context(), tunnelHost)
		if err != nil || !private || joinAddrs(addrs) != "10.0.6.9, 10.0.20.9" {
			t.Errorf("got %v, %t, %v", addrs, private, err)
		}
		if got, want := r.routes(), []string{"10.0.6.9, 10.0.20.9"}; !slices.Equal(got, want) {
			t.Errorf("asked for routes %q", got)
		}
		if !r.prober.Last().At.IsZero() {
			t.Error("another name counts as a probe of the endpoint's")
		}
	})
}

func TestResolveCallsAMixedAnswerPublic(t *testing.T) {
	for _, answer := range [][]string{{"198.51.100.9"}, {"10.0.6.9", "198.51.100.9"}} {
		synctest.Test(t, func(t *testing.T) {
			r := newResolveRig()
			r.vpc.answersNamed(tunnelHost, answer...)
			addrs, private, err := r.verifier.Resolve(t.Context(), tunnelHost)
			if err != nil || private || joinAddrs(addrs) != strings.Join(answer, ", ") {
				t.Errorf("got %v, %t, %v", addrs, private, err)
			}
			if got := r.routes(); len(got) > 0 {
				t.Errorf("made routes for %q", got)
			}
		})
	}
}

func TestResolveTellsMissingFromSilent(t *testing.T) {
	for name, tc := range map[string]struct {
		set  func(*fakeVPC)
		want error
	}{
		"no name":   {func(f *fakeVPC) { f.fails(dns.RcodeNameError) }, ErrNameMissing},
		"no record": {func(f *fakeVPC) { f.answers() }, ErrNameMissing},
		"silent":    {(*fakeVPC).isSilent, os.ErrDeadlineExceeded},
		"refusing":  {(*fakeVPC).refuses, syscall.ECONNREFUSED},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newResolveRig()
				tc.set(r.vpc)
				addrs, private, err := r.verifier.Resolve(t.Context(), tunnelHost)
				if !errors.Is(err, tc.want) || private || len(addrs) > 0 {
					t.Errorf("got %v, %t, %v", addrs, private, err)
				}
				if tc.want != ErrNameMissing && errors.Is(err, ErrNameMissing) {
					t.Errorf("%v counts as a missing name", err)
				}
			})
		})
	}
}

func TestResolveFailsWithoutARoute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolveRig()
		r.vpc.answersNamed(tunnelHost, "10.0.6.9")
		r.kernel.taken[mustAddrs("10.0.6.9")[0]] = "eth0"
		r.whenRouting(func() error { return errTest })
		addrs, private, err := r.verifier.Resolve(t.Context(), tunnelHost)
		if private || len(addrs) > 0 || !errors.Is(err, errTest) || !strings.Contains(err.Error(), "through eth0") {
			t.Errorf("got %v, %t, %v", addrs, private, err)
		}
	})
}

func TestResolveOnErrorsOfTheResolver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newResolveRig()
		r.vpc.fails(dns.RcodeServerFailure)
		_, _, err := r.verifier.Resolve(t.Context(), tunnelHost)
		if err == nil || errors.Is(err, ErrNameMissing) || !strings.Contains(err.Error(), "10.0.0.2 answers SERVFAIL") {
			t.Errorf("got %v", err)
		}
		r.path = nil
		if _, _, err := r.verifier.Resolve(t.Context(), tunnelHost); err == nil || r.vpc.questions() != 1 {
			t.Errorf("without a path: %v, %d questions", err, r.vpc.questions())
		}
	})
}
