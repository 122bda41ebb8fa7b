package lab

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// What an idle agent may cost on a SIM in a day, and three of its keepalives.
const (
	dailyBytes = 150_000
	idleFor    = 3 * 230 * time.Second
)

// TestSlowIdleCost counts what passes over the SIM while nothing happens, and
// what the agent says of it.
func TestSlowIdleCost(t *testing.T) {
	if os.Getenv(slowEnv) == "" {
		t.Skip("takes 12 minutes: set " + slowEnv + "=1")
	}
	t.Parallel()
	l, a := startOK(t, Options{Canal: CanalAlone})
	said := func() float64 {
		n, _ := stage(t, snapshot(t, a), "link").Facts["agent_bytes_day"].(float64)
		return n
	}
	began, before, saidBefore := time.Now(), l.Canal.Traffic(), said()
	must(t, Poll(within(t, 2*idleFor), statusEvery*50, func() error {
		if time.Since(began) < idleFor {
			return errors.New("it is not idle for long enough")
		}
		return nil
	}))
	after, took := l.Canal.Traffic(), time.Since(began)
	bytes := after.Up + after.Down - before.Up - before.Down
	day := float64(bytes) * float64(24*time.Hour) / float64(took)
	t.Logf("%d bytes in %s: %.0f bytes a day; the agent counts %.0f", bytes, took.Round(time.Second), day, said()-saidBefore)
	questions, err := os.ReadFile(l.path("log", "unbound.log"))
	must(t, err)
	t.Logf("since its start: %d keepalives, %d questions", brokerLog(t, l, "Received PINGREQ from "+Thing),
		strings.Count(string(questions), " "+simAddr.String()+" "))
	if day > dailyBytes || bytes == 0 {
		t.Errorf("that is %.0f bytes a day, at most %d are allowed", day, dailyBytes)
	}
	if s := snapshot(t, a); s.State != status.OK || stage(t, s, "broker").Losses != 0 {
		t.Errorf("it is %s", s.State)
	}
	clean(t, l, "idle on a SIM")
}
