package check

import (
	"context"
	"os"
	"strings"
	"time"

	"edgeagent/internal/clock"
)

// clockSlack is how far the clock may lie behind the last known time.
const clockSlack = time.Hour

// setClock is also for certificates that are still to begin.
func setClock() words { return say("clock.fix") }

// checkClock compares the clock with the two times that have certainly been:
// this program's build, and the last one at which a peer's certificate held.
func checkClock(_ context.Context, x *examination) outcome {
	now := time.Now()
	switch last := lastKnown(x.file(x.o.StateDir + "/last-time")); {
	case now.Before(x.o.Build):
		return fault(say("clock.build", minute(now), minute(x.o.Build)), setClock())
	case now.Before(last.Add(-clockSlack)):
		return fault(say("clock.been", minute(now), minute(last)), setClock())
	}
	if yes, _ := clock.Synchronised(); !yes {
		return warning(say("clock.alone", minute(now)), setClock())
	}
	return ok(say("clock.ok", minute(now)))
}

// lastKnown is zero if nothing is known.
func lastKnown(file string) time.Time {
	data, err := os.ReadFile(file)
	if err != nil {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, strings.TrimSpace(string(data)))
	if err != nil {
		return time.Time{}
	}
	return t
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }
