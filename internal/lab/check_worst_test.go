package lab

import (
	"errors"
	"os"
	"syscall"
	"testing"
	"time"
)

// checkWorstEnv has the slowest reports be measured, which takes two minutes.
const checkWorstEnv = "EDGEAGENT_CHECK_WORST"

// checkPromise is how long a report takes at most (edgeagent check --help).
const checkPromise = 15 * time.Second

// TestCheckIsQuickHoweverMuchIsBroken breaks several things at once, so that each
// step waits in vain or almost, and prints how long the report took, in both
// languages.
func TestCheckIsQuickHoweverMuchIsBroken(t *testing.T) {
	if os.Getenv(checkWorstEnv) == "" {
		t.Skip("takes minutes: " + checkWorstEnv + "=1")
	}
	slowDNS := func(l *Lab) error { return l.VPC.drop("no_udp_dns", true, "udp dport 53 drop") }
	noBroker := func(l *Lab) error { return l.BlackholeBroker(true) }
	frozenBroker := func(l *Lab) error { l.FreezeBroker(true); return nil }
	noResolver := func(l *Lab) error { return l.BlackholeResolver(true) }
	site := func(l *Lab) error { return errors.Join(l.BlackholeUplinkDNS(true), l.BlackholeVPN(true)) }
	siteDNS := func(l *Lab) error { return l.BlackholeUplinkDNS(true) }
	for _, tc := range []struct {
		name   string
		frozen bool // the daemon: it takes connections and says nothing
		dead   bool // the daemon, and its OpenVPN
		breaks []func(l *Lab) error
		first  string // check that is the first error
	}{
		{"no daemon, site drops all", false, true, []func(l *Lab) error{site}, "daemon"},
		{"daemon hangs, site drops all", true, false, []func(l *Lab) error{site, noResolver}, "daemon"},
		{"daemon hangs, VPC resolver silent", true, false, []func(l *Lab) error{siteDNS, noResolver}, "daemon"},
		{"daemon hangs, DNS slow, broker silent", true, false, []func(l *Lab) error{siteDNS, slowDNS, noBroker}, "daemon"},
		{"daemon hangs, DNS slow, broker hangs in TLS", true, false, []func(l *Lab) error{siteDNS, slowDNS, frozenBroker}, "daemon"},
		{"cable out", false, false, []func(l *Lab) error{(*Lab).Unplug, noResolver, noBroker}, "uplink"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l, a := startOK(t, Options{})
			for _, broken := range tc.breaks {
				must(t, broken(l))
			}
			switch {
			case tc.frozen:
				a.Signal(syscall.SIGSTOP)
				defer a.Signal(syscall.SIGCONT)
			case tc.dead:
				a.Kill()
			default:
				waitUnusable(t, a, "link")
			}
			began := time.Now()
			r := checkup(t, l)
			took := time.Since(began)
			if got := first(r); got != tc.first {
				t.Errorf("the first error is %s", got)
			}
			if took > checkPromise {
				t.Errorf("the report took %s", took)
			}
			t.Logf("WALL %s: %s\n%s", tc.name, took.Round(10*time.Millisecond), readIn(t, l, "LANG=ja_JP.UTF-8"))
		})
	}
}
