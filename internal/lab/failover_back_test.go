package lab

import (
	"os"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// slowEnv lets the tests run that wait for the agent's own minutes.
const slowEnv = "EDGEAGENT_SLOW"

// TestNoMessageIsLost publishes without a pause while the path goes over to the
// SIM and, as that is lost, to the VPN again, which is well by then.
func TestNoMessageIsLost(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, standby(impatient))
	waitReadyStandby(t, a)
	endStream := stream(t, l)
	began := time.Now()
	must(t, l.BlackholeVPN(true))
	waitCarried(t, a, began, "canal")
	must(t, l.BlackholeVPN(false))
	waitWellAgain(t, a)
	before := brokerLog(t, l, " as "+Thing+" ")
	began = time.Now()
	l.Canal.HangUp()
	waitCarried(t, a, began, "vpn")
	sent := endStream()
	if n := brokerLog(t, l, " as "+Thing+" ") - before; n != 1 {
		t.Errorf("%d sessions for going back, want one", n)
	}
	t.Logf("%d messages published, none lost", sent)
	clean(t, l, "going over and back")
}

// waitWellAgain waits until the preferred link is up behind the one that carries.
func waitWellAgain(t *testing.T, a *Agent) {
	t.Helper()
	c, err := a.Wait(within(t, agentTimeout), "link", "the VPN to be well again", func(c status.Condition) bool {
		return linkOf(c, "vpn")["state"] == string(status.OK) && linkOf(c, "canal")["active"] == true
	})
	must(t, err)
	t.Log(c.Detail)
}

// TestSlowFailback waits for the five minutes after which the path goes back by
// itself, with a message each 100 ms.
func TestSlowFailback(t *testing.T) {
	if os.Getenv(slowEnv) == "" {
		t.Skip("takes 6 minutes: set " + slowEnv + "=1")
	}
	t.Parallel()
	l, a := startOK(t, standby())
	waitReadyStandby(t, a)
	endStream := stream(t, l)
	began := time.Now()
	must(t, l.BlackholeVPN(true))
	waitCarried(t, a, began, "canal")
	must(t, l.BlackholeVPN(false))
	waitWellAgain(t, a)
	well, before, lost := time.Now(), brokerLog(t, l, " as "+Thing+" "), stage(t, snapshot(t, a), "broker").Losses
	_, err := a.Wait(within(t, 8*time.Minute), "link", "the VPN to carry again", func(c status.Condition) bool {
		return c.State == status.OK && c.Facts["link"] == "vpn"
	})
	must(t, err)
	t.Logf("back after %s", time.Since(well).Round(time.Second))
	waitCarried(t, a, time.Now(), "vpn")
	sent := endStream()
	if n := brokerLog(t, l, " as "+Thing+" ") - before; n != 1 {
		t.Errorf("%d sessions for going back, want one", n)
	}
	if n := stage(t, snapshot(t, a), "broker").Losses - lost; n != 1 {
		t.Errorf("the broker session was lost %d times for going back, want once", n)
	}
	t.Logf("%d messages published, none lost", sent)
	clean(t, l, "going back")
}
