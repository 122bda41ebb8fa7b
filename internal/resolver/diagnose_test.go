package resolver

import (
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestDiagnose(t *testing.T) {
	server := netip.MustParseAddr("10.0.0.2")
	private := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, tc := range []struct {
		name   string
		result Result
		state  status.State
		reason status.Reason
		words  string
	}{
		{"private", Result{Addresses: mustAddrs("10.0.6.105")}, status.OK, status.ReasonReady, "example.com from 10.0.0.2"},
		{"public", Result{Addresses: mustAddrs("10.0.6.105", "203.0.113.7")}, status.Degraded, status.ReasonPublicAnswer, "203.0.113.7, not private"},
		{"no such name", Result{Rcode: dns.RcodeNameError}, status.Degraded, status.ReasonNXDomain, "does not know"},
		{"error", Result{Rcode: dns.RcodeServerFailure}, status.Down, status.ReasonServerFailed, "SERVFAIL"},
		{"silence", Result{Err: os.ErrDeadlineExceeded}, status.Down, status.ReasonNoAnswer, "no answer from 10.0.0.2"},
	} {
		tc.result.At, tc.result.Server = time.Now(), server
		u := Diagnose(tc.result, config.Resolver{Domains: []string{"example.com"}, Host: config.HostFile}, "iot.example.com", private)
		if u.State != tc.state || u.Reason != tc.reason || !strings.Contains(u.Detail, tc.words) {
			t.Errorf("%s: %s %s %q, want %s %s %q", tc.name, u.State, u.Reason, u.Detail, tc.state, tc.reason, tc.words)
		}
		if (u.Hint == "") != (u.State == status.OK) {
			t.Errorf("%s: hint %q", tc.name, u.Hint)
		}
	}
}
