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
		return skipped("no link is metered")
	}
	c, ok1 := x.stage("link")
	if !ok1 {
		return skipped("waits for daemon")
	}
	seconds, known := c.Facts["ping_s"].(float64)
	switch {
	case !known:
		return skipped("no ping was pushed")
	case seconds < 10:
		return warning(fmt.Sprintf("the VPN server pushes ping %.0f: %s MB a day", seconds, megabytes(seconds)),
			"add the lines `pull-filter ignore \"ping \"` and `ping 10` to the .ovpn file.")
	}
	return ok(fmt.Sprintf("ping every %.0f s: %s MB a day", seconds, megabytes(seconds)))
}

// megabytes are what pings both ways cost a day: 11.75 MB at one a second.
func megabytes(seconds float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 11.75/seconds), ".0")
}
