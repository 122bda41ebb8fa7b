package lab

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// dialled is a SIM that NetworkManager dials, with a ladder that a test can see.
func dialled() Options {
	return Options{Canal: CanalAlone, Config: map[string]string{
		"probe.interval": "2s", "probe.suspect_interval": "1s", "probe.timeout": "500ms", "canal.metered": "false",
		"canal.connection": "soracom", "recovery.cellular_activate": "5s", "recovery.cellular_reenable": "20s",
	}}
}

// TestSilentModemIsDialledAnew has the modem swallow everything: the first step of
// the ladder is taken and shown, with the time of the next.
func TestSilentModemIsDialledAnew(t *testing.T) {
	t.Parallel()
	l := start(t, dialled())
	b := startBus(t, l)
	a := b.startAgent()
	waitOK(t, a)
	if c := stage(t, snapshot(t, a), "link"); !strings.Contains(fmt.Sprint(c.Facts["modem"]), "SIM7600") {
		t.Errorf("the modem's facts: %v", c.Facts)
	}
	l.Canal.Silent(true)
	c := waitStage(t, a, "link", status.Down, status.ReasonRecovering)
	if next, ok := c.Facts["recovery_next_at"].(string); !ok || !after(t, next, time.Now()) || c.Facts["recovery_next"] == "" {
		t.Errorf("the next step: %v at %v", c.Facts["recovery_next"], c.Facts["recovery_next_at"])
	}
	must(t, Poll(within(t, testTimeout), readyEvery, func() error {
		if b.activations() == 0 {
			return errors.New("NetworkManager was not asked to dial")
		}
		return nil
	}))
	c, err := a.Wait(within(t, agentTimeout), "link", "the step after that", func(c status.Condition) bool {
		return strings.Contains(c.Detail, "next: turn the modem off and on at ")
	})
	must(t, err)
	screen, err := a.Screen(t.Context())
	must(t, err)
	t.Logf("%s\n%s", c.Detail, screen)
	if n := b.touched(); n != 0 {
		t.Errorf("the modem was touched %d times before its turn", n)
	}
	l.Canal.Silent(false)
	waitOK(t, a)
	clean(t, l, "with a silent modem")
}

// after reports whether a time as scripts see it is later than another.
func after(t *testing.T, text string, than time.Time) bool {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	must(t, err)
	return at.After(than)
}

// TestPongWithoutTheVPC cuts the VPC off behind SORACOM's side of the modem: that
// is named, and nothing is dialled or reset for it, however long it takes.
func TestPongWithoutTheVPC(t *testing.T) {
	t.Parallel()
	l := start(t, dialled())
	b := startBus(t, l)
	a := b.startAgent()
	waitOK(t, a)
	l.Canal.VPCDead(true)
	began := time.Now()
	c := waitStage(t, a, "link", status.Down, status.ReasonVPCSilent)
	if first := snapshot(t, a).FixFirst; !strings.Contains(c.Detail, PongAddr.String()) || !strings.Contains(first.Hint, "VPC peering") {
		t.Errorf("it says %q, hint %q", c.Detail, first.Hint)
	}
	// That nothing happens takes its time to be seen: the first step is due after 5 s.
	must(t, Poll(within(t, agentTimeout), 10*readyEvery, func() error {
		if down := time.Since(c.Since); down < 12*time.Second {
			return fmt.Errorf("it is down for %s only", down)
		}
		return nil
	}))
	if n, m := b.activations(), b.touched(); n+m != 0 {
		t.Errorf("in %s it was dialled %d times, the modem touched %d times", time.Since(began), n, m)
	}
	c = stage(t, snapshot(t, a), "link")
	if c.Reason != status.ReasonVPCSilent {
		t.Errorf("the link is %s %s: %s", c.State, c.Reason, c.Detail)
	}
	screen, err := a.Screen(t.Context())
	must(t, err)
	t.Log("\n" + screen)
	l.Canal.VPCDead(false)
	waitOK(t, a)
	clean(t, l, "with the VPC cut off")
}
