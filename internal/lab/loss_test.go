package lab

import (
	"strings"
	"syscall"
	"testing"

	"edgeagent/internal/status"
)

// TestNeverATrapPacket goes through everything that may make a device talk in
// the open, while other programs on it keep asking for the endpoint.
func TestNeverATrapPacket(t *testing.T) {
	t.Parallel()
	l := start(t, Options{Config: impatient})
	a := startAgent(t, l)
	ok := func() { waitOK(t, a) }
	phases := []struct {
		name string
		do   func() error
		wait func()
	}{
		{"start", func() error { return nil }, ok},
		{"link loss", func() error { return l.BlackholeVPN(true) }, func() { waitUnusable(t, a, "link") }},
		{"link back", func() error { return l.BlackholeVPN(false) }, ok},
		{"uplink loss", l.LinkDown, func() { waitUnusable(t, a, "link") }},
		{"uplink back", l.LinkUp, ok},
		{"DNS loss", func() error { l.StopResolver(); return nil }, func() { waitNotOK(t, a, "dns") }},
		{"DNS back", func() error { return l.StartResolver(t.Context()) }, ok},
		{"public answer", func() error { return l.ResolverAnswers(t.Context(), AnswerPublic) }, func() { waitUnusable(t, a, "endpoint") }},
		{"private again", func() error { return l.ResolverAnswers(t.Context(), AnswerPrivate) }, ok},
		{"broker loss", func() error { l.StopBroker(); return nil }, func() { waitUnusable(t, a, "broker") }},
		{"broker back", func() error { return l.StartBroker(t.Context()) }, ok},
		{"stop", func() error { a.Stop(); return nil }, func() {}},
	}
	for _, p := range phases {
		must(t, p.do())
		if p.name != "start" && p.name != "stop" {
			lookup(t, l, EndpointHost) // nothing is served by then: the name must not leak
		}
		p.wait()
		if p.name != "stop" {
			lookup(t, l, EndpointHost)
		}
		clean(t, l, p.name)
		if t.Failed() {
			t.FailNow() // later phases would report the same packets
		}
	}
}

// waitNotOK waits until a stage is in any state but ok.
func waitNotOK(t *testing.T, a *Agent, name string) {
	t.Helper()
	_, err := a.Wait(within(t, agentTimeout), name, name+" to be in trouble", func(c status.Condition) bool { return c.State != status.OK })
	must(t, err)
}

func TestBlackholeAndRecovery(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	must(t, l.BlackholeVPN(true))
	waitUnusable(t, a, "link")
	s := snapshot(t, a)
	if s.FixFirst == nil || s.FixFirst.Stage != "link" || s.FixFirst.Hint == "" {
		t.Errorf("fix first: %+v, want the link with a hint", s.FixFirst)
	}
	for _, name := range []string{"endpoint", "broker"} {
		if c := stage(t, s, name); c.State.Usable() {
			t.Errorf("%s is %s while the link is %s", name, c.State, stage(t, s, "link").State)
		}
	}
	must(t, l.BlackholeVPN(false))
	waitOK(t, a)
	if n := brokerLog(t, l, "as "+Thing+" "); n != 2 {
		t.Errorf("%d sessions at the broker, want the one before and the one after", n)
	}
}

func TestKilledOpenVPN(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	before := only(t, l, "openvpn")
	must(t, syscall.Kill(before, syscall.SIGKILL))
	waitLosses(t, a, "link", 1)
	waitOK(t, a)
	if after := only(t, l, "openvpn"); after == before {
		t.Errorf("openvpn %d was not killed", before)
	}
	if c := stage(t, snapshot(t, a), "broker"); c.Losses != 1 {
		t.Errorf("the broker session was lost %d times, want once with the link", c.Losses)
	}
}

// only returns the device's process of that name and fails unless there is
// exactly one.
func only(t *testing.T, l *Lab, name string) int {
	t.Helper()
	pids, err := l.Device.Processes(name)
	must(t, err)
	if len(pids) != 1 {
		t.Fatalf("%s runs as %v, want one process", name, pids)
	}
	return pids[0]
}

// waitLosses waits until a stage has left ok that often.
func waitLosses(t *testing.T, a *Agent, name string, n int) {
	t.Helper()
	_, err := a.Wait(within(t, agentTimeout), name, name+" to be lost", func(c status.Condition) bool { return c.Losses >= n })
	must(t, err)
}

func TestPublicAnswerClosesSession(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	must(t, l.ResolverAnswers(t.Context(), AnswerPublic))
	waitStage(t, a, "endpoint", status.Down, status.ReasonPublic)
	if _, err := a.WaitStage(within(t, agentTimeout), "broker", status.Waiting, ""); err != nil {
		t.Error(err)
	}
	waitBrokerLog(t, l, "Received DISCONNECT from "+Thing)
	must(t, l.ResolverAnswers(t.Context(), AnswerPrivate))
	waitOK(t, a)
	clean(t, l, "while the answer was public")
}

// TestHostNoneIsAgentOnly leaves the device's DNS alone, as that mode says: the
// agent keeps its own names private, and other programs are on their own. It
// also shows that a lookup in the open is seen.
func TestHostNoneIsAgentOnly(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{Config: map[string]string{"resolver.host": "none"}})
	if got := resolvConf(t, l); got != l.ResolvConf() {
		t.Errorf("resolv.conf was changed:\n%s", got)
	}
	clean(t, l, "agent only")
	lookup(t, l, EndpointHost)
	if r := report(t, l); len(r.Names) == 0 {
		t.Errorf("another program's lookup in the open was not seen: %s", r)
	}
}

func TestResolverTimeoutHolds(t *testing.T) {
	t.Parallel()
	config := map[string]string{"probe.hold": "6s"}
	for k, v := range impatient {
		config[k] = v
	}
	l, a := startOK(t, Options{Config: config})
	must(t, l.BlackholeResolver(true))
	waitStage(t, a, "endpoint", status.Degraded, "")
	if c := stage(t, snapshot(t, a), "broker"); c.State != status.OK || c.Losses != 0 {
		t.Errorf("broker is %s, lost %d times, while the resolver is merely silent", c.State, c.Losses)
	}
	waitUnusable(t, a, "endpoint")
	if n := brokerLog(t, l, "as "+Thing+" "); n != 1 {
		t.Errorf("%d sessions before the hold ended, want one", n)
	}
	must(t, l.BlackholeResolver(false))
	waitOK(t, a)
	clean(t, l, "while the resolver was silent")
}

func TestNewEndpointAddressesAreFollowed(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	must(t, l.ResolverAnswers(t.Context(), AnswerOthersPrivate))
	_, err := a.Wait(within(t, agentTimeout), "broker", "a session at a new address", func(c status.Condition) bool {
		addr, _ := c.Facts["address"].(string)
		return c.State == status.OK && strings.HasPrefix(addr, "10.0.30.")
	})
	if err != nil {
		t.Error(err)
	}
	clean(t, l, "with new addresses")
}
