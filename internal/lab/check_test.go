package lab

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"edgeagent/internal/check"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

// checkup runs `edgeagent check --json` on the device.
func checkup(t *testing.T, l *Lab, ids ...string) check.Report {
	t.Helper()
	args := append([]string{"check", "--json", "--config", l.ConfigFile()}, ids...)
	out, code, err := l.Edgeagent(t.Context(), os.Getenv(BinEnv), args...)
	must(t, err)
	var r check.Report
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatalf("check ended with exit code %d and printed %q: %v", code, out, err)
	}
	if bad := r.State == check.Error; bad != (code == exitNotOK) {
		t.Errorf("state %s, exit code %d", r.State, code)
	}
	t.Log(r.Text())
	return r
}

// found fails the test unless a check has that state and says words.
func found(t *testing.T, r check.Report, id string, state check.State, words string) {
	t.Helper()
	i := slices.IndexFunc(r.Checks, func(c check.Result) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no check %s", id)
	}
	if c := r.Checks[i]; c.State != state || !strings.Contains(c.Finding, words) {
		t.Errorf("%s is %s %q, want %s %q", id, c.State, c.Finding, state, words)
	}
}

// first returns the id of the first check that is an error.
func first(r check.Report) string {
	for _, c := range r.Checks {
		if c.State == check.Error {
			return c.ID
		}
	}
	return ""
}

func TestCheckOfAHealthyDevice(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	before := resolvConf(t, l)
	r := checkup(t, l)
	if id := first(r); id != "" {
		t.Errorf("%s is an error on a healthy device", id)
	}
	for _, id := range []string{"config", "files", "daemon", "uplink", "uplink.name", "link", "link.mtu", "dns", "dns.os", "dns.leak",
		"dns.tunneling", "endpoint", "broker.tcp", "broker.tls", "broker.connect", "broker.subscribe", "tunnel", "tunnel.services"} {
		found(t, r, id, check.OK, "")
	}
	if s := snapshot(t, a); stage(t, s, "broker").Losses != 0 {
		t.Error("the check has ended the daemon's session")
	}
	if after := resolvConf(t, l); after != before {
		t.Errorf("the check changed resolv.conf from %q to %q", before, after)
	}
	// With the daemon stopped the resolver that the VPN pushed is found by its route.
	a.Signal(syscall.SIGSTOP)
	defer a.Signal(syscall.SIGCONT)
	r = checkup(t, l, "daemon", "link", "dns.os")
	found(t, r, "daemon", check.Error, "does not answer within 2 s")
	found(t, r, "link", check.OK, "resolver "+ResolverAddr.String())
	found(t, r, "dns.os", check.Error, "the daemon behind it does not answer")
	clean(t, l, "check")
}

// TestCheckNamesTheCause breaks one thing at a time.
func TestCheckNamesTheCause(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	for _, tc := range []struct {
		name      string
		breakIt   func() error
		mend      func() error
		wait      func()
		id, words string
	}{
		{name: "VPN silent", id: "link", words: "does not answer",
			breakIt: func() error { return l.BlackholeVPN(true) }, mend: func() error { return l.BlackholeVPN(false) },
			wait: func() { waitUnusable(t, a, "link") }},
		{name: "resolver dead", id: "dns", words: "10.0.0.2 refuses",
			breakIt: func() error { l.StopResolver(); return nil }, mend: func() error { return l.StartResolver(t.Context()) },
			wait: func() { waitNotOK(t, a, "dns") }},
		{name: "public answer", id: "dns", words: "not private",
			breakIt: func() error { return l.ResolverAnswers(t.Context(), AnswerPublic) }, mend: func() error { return l.ResolverAnswers(t.Context(), AnswerPrivate) },
			wait: func() { waitUnusable(t, a, "endpoint") }},
		{name: "broker dead", id: "broker.tcp", words: "connection refused",
			breakIt: func() error { l.StopBroker(); return nil }, mend: func() error { return l.StartBroker(t.Context()) },
			wait: func() { waitUnusable(t, a, "broker") }},
		{name: "cable out", id: "uplink", words: "no default route",
			breakIt: l.LinkDown, mend: l.LinkUp, wait: func() { waitUnusable(t, a, "link") }},
	} {
		must(t, tc.breakIt())
		tc.wait()
		r := checkup(t, l)
		found(t, r, tc.id, check.Error, tc.words)
		if got := first(r); got != tc.id {
			t.Errorf("%s: the first error is %s, the cause is %s", tc.name, got, tc.id)
		}
		clean(t, l, tc.name)
		must(t, tc.mend())
		waitOK(t, a)
	}
}

// TestCheckTellsAHoleFromAResolver: long packets that get lost on the way are a
// fault, long questions that the resolver does not like are none.
func TestCheckTellsAHoleFromAResolver(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{Config: impatient})
	const picky = "long_questions"
	must(t, l.VPC.drop(picky, true, "udp dport 53 meta length > 1000 drop"))
	found(t, checkup(t, l, "link.mtu"), "link.mtu", check.OK, "full TCP segments go through")
	must(t, l.VPC.drop(picky, false, ""))
	must(t, l.BlackholeMTU(true, 1000))
	found(t, checkup(t, l, "link.mtu"), "link.mtu", check.Error, "larger ones up to the device's 1500 are lost")
}

// TestCheckWithoutDaemon has to find out all by itself.
func TestCheckWithoutDaemon(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	r := checkup(t, l)
	found(t, r, "daemon", check.Error, "")
	found(t, r, "uplink", check.OK, "gateway")
	found(t, r, "uplink.name", check.OK, "203.0.113.10")
	found(t, r, "link", check.Error, "203.0.113.10 port 443 (udp) answers")
	found(t, r, "dns.os", check.Skipped, "the daemon does not answer")
	found(t, r, "broker.tls", check.Skipped, "waits for")
	for locale, words := range map[string]string{
		"LANG=ja_JP.UTF-8":                     "サービスが動作していません",
		"LANG=C.UTF-8 LC_MESSAGES=ja_JP.UTF-8": "サービスが動作していません",
		"LANG=ja_JP.eucJP":                     "the daemon does not run",
		"LANG=ja_JP.UTF-8 LC_ALL=C":            "the daemon does not run",
	} {
		if out := readIn(t, l, locale, "daemon"); !strings.Contains(out, words) {
			t.Errorf("with %s: %s", locale, out)
		}
	}
	clean(t, l, "check")
}

// readIn runs `edgeagent check` for people, with a locale that is told in NAME=VALUE
// alone.
func readIn(t *testing.T, l *Lab, locale string, ids ...string) string {
	t.Helper()
	args := append([]string{"-u", "LC_ALL", "-u", "LC_MESSAGES", "-u", "LC_CTYPE", "EDGEAGENT_RUNTIME_DIR=" + l.RuntimeDir()}, strings.Fields(locale)...)
	args = append(args, os.Getenv(BinEnv), "check", "--config", l.ConfigFile())
	out, err := l.Device.Run(t.Context(), "env", append(args, ids...)...)
	var exit *exec.ExitError
	if err != nil && !(errors.As(err, &exit) && exit.ExitCode() == exitNotOK) {
		t.Fatal(err)
	}
	return out
}

func TestCheckFindsTheShadowedTunnelingName(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{ShadowingZone: true})
	r := checkup(t, l, "dns")
	found(t, r, "dns.tunneling", check.Error, "shadows it")
	found(t, r, "dns", check.OK, "")
}

func TestCheckFindsAnExpiredCertificate(t *testing.T) {
	t.Parallel()
	l := start(t, Options{DeviceCert: []pki.Option{pki.Expired()}})
	a := startAgent(t, l)
	waitStage(t, a, "broker", status.Down, status.ReasonCertExpired)
	r := checkup(t, l, "broker")
	found(t, r, "broker.tls", check.Error, "expired")
}
