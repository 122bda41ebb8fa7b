package check

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"edgeagent/internal/config"
)

// checkPing looks for a server that pings often over a link where each byte is
// paid for. Only the daemon knows what the server pushed.
func checkPing(_ context.Context, x *examination) outcome {
	if !slices.ContainsFunc(x.config.Links, func(l config.Link) bool { return l.Metered }) {
		return skipped(say("ping.unmetered"))
	}
	c, asked := x.stage("link")
	if !asked {
		return skipped(say("run.waits", "daemon"))
	}
	seconds, known := c.Facts["ping_s"].(float64)
	switch {
	case !known:
		return skipped(say("ping.none"))
	case seconds < 10:
		return warning(say("ping.often", seconds, megabytes(seconds)), say("ping.fix"))
	}
	return ok(say("ping.ok", seconds, megabytes(seconds)))
}

// megabytes are what pings both ways cost a day: 11.75 MB at one a second.
func megabytes(seconds float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 11.75/seconds), ".0")
}
