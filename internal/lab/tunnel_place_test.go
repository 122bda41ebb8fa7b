package lab

import (
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// notified sends the device a notification of a new tunnel without waiting for
// it.
func notified(t *testing.T, l *Lab, services ...string) {
	t.Helper()
	must(t, l.Notify(t.Context(), l.Tunneling.Open(services...).DestinationToken, services...))
}

// wantHint checks the next action of a stage that is not ok.
func wantHint(t *testing.T, a *Agent, parts ...string) {
	t.Helper()
	fix := snapshot(t, a).FixFirst
	if fix == nil || fix.Stage != "tunnel" {
		t.Fatalf("fix first: %+v, want the tunnel", fix)
	}
	for _, part := range parts {
		if !strings.Contains(fix.Hint, part) {
			t.Errorf("the hint does not say %q: %s", part, fix.Hint)
		}
	}
	screen, err := a.Screen(t.Context())
	must(t, err)
	if words := strings.Join(strings.Fields(screen), " "); !strings.Contains(words, parts[0]) {
		t.Errorf("the screen does not say %q:\n%s", parts[0], screen)
	}
}

func TestTunnelNameMissingAndMended(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{ShadowingZone: true})
	notified(t, l, "SSH")
	c := waitStage(t, a, "tunnel", status.Degraded, status.ReasonNameMissing)
	if !strings.Contains(c.Detail, TunnelingHost) {
		t.Errorf("the detail does not name %s: %s", TunnelingHost, c.Detail)
	}
	wantHint(t, a, "the record "+TunnelingHost, "com.amazonaws."+Region+".iot.tunneling.data", "private hosted zone")
	if n := l.Tunneling.Stats().Handshakes; n != 0 || len(proxies(t, a)) != 0 {
		t.Errorf("%d handshakes, proxies %v, without an address to go to", n, proxies(t, a))
	}
	stays(t, a)

	must(t, l.TunnelingAnswers(t.Context(), AnswerPrivate))
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitStage(t, a, "tunnel", status.OK, status.ReasonOpen)
	waitIdle(t, a, tunnel)
	waitStage(t, a, "tunnel", status.OK, status.ReasonIdle)
	stays(t, a)
	clean(t, l, "with the name hidden, and then not")
}

func TestTunnelPublicNameIsRefused(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	must(t, l.TunnelingAnswers(t.Context(), AnswerPublic))
	notified(t, l, "SSH")
	c := waitStage(t, a, "tunnel", status.Degraded, status.ReasonRefused)
	if !strings.Contains(c.Detail, PublicTunnelingAddr.String()) {
		t.Errorf("the detail does not name %s: %s", PublicTunnelingAddr, c.Detail)
	}
	wantHint(t, a, "the record "+TunnelingHost, "tunnel.allow_public")
	stays(t, a)
	if n := l.Tunneling.Stats(); n.Handshakes+n.Refused != 0 || len(proxies(t, a)) != 0 {
		t.Errorf("%+v at the service, proxies %v", n, proxies(t, a))
	}
	clean(t, l, "with the tunneling service's name public")

	must(t, l.TunnelingAnswers(t.Context(), AnswerPrivate))
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitIdle(t, a, tunnel)
	clean(t, l, "with the name private again")
}

// TestTunnelPublicNameIfAllowed also shows that the capture would have seen the
// packets of the test above.
func TestTunnelPublicNameIfAllowed(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: map[string]string{"tunnel.allow_public": "true"}})
	must(t, l.TunnelingAnswers(t.Context(), AnswerPublic))
	tunnel := open(t, l, "SSH")
	run(t, tunnel)
	waitIdle(t, a, tunnel) // it asks the service once more before it believes the end
	seen := report(t, l)
	if len(seen.Trap) == 0 || len(seen.Strays) > 0 || len(seen.Names) > 0 {
		t.Errorf("want nothing but packets to %s: %s", PublicTunnelingAddr, seen)
	}
	for _, s := range seen.Trap {
		if s.To.Addr() != PublicTunnelingAddr || s.To.Port() != tunnelingPort {
			t.Errorf("a packet to another place: %s", s)
		}
	}

	// Allowed is not preferred.
	must(t, l.TunnelingAnswers(t.Context(), AnswerPrivate))
	tunnel = open(t, l, "SSH")
	run(t, tunnel)
	if again := report(t, l); len(again.Trap) != len(seen.Trap) {
		t.Errorf("in the open though the name is private: %s", again)
	}
	stays(t, a)
}
