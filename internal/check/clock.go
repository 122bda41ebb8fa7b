package check

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/clock"
)

// clockSlack is how far the clock may lie behind the last known time.
const clockSlack = time.Hour

const setClock = "`timedatectl set-ntp true`, or `sudo date -s \"YYYY-MM-DD HH:MM\"` by hand; on a SORACOM SIM without internet use NTP server 100.127.0.123."

// checkClock compares the clock with the two times that have certainly been:
// this program's build, and the last one at which a peer's certificate held.
func checkClock(_ context.Context, x *examination) outcome {
	now := time.Now()
	switch last := lastKnown(x.file(x.o.StateDir + "/last-time")); {
	case now.Before(x.o.Build):
		return fault(fmt.Sprintf("it says %s, before this program was built (%s)", minute(now), minute(x.o.Build)), setClock)
	case now.Before(last.Add(-clockSlack)):
		return fault(fmt.Sprintf("it says %s, but %s has already been", minute(now), minute(last)), setClock)
	}
	if yes, _ := clock.Synchronised(); !yes {
		return warning(fmt.Sprintf("%s is plausible, but no time server has confirmed it", minute(now)), setClock)
	}
	return ok(minute(now) + ", synchronised")
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
