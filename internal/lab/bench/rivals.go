package bench

import (
	"context"
	"time"

	"edgeagent/internal/lab/rival"
)

// measureRivals plays the same faults against the agent and against what a user
// would put together without it.
func measureRivals(ctx context.Context, r *run) (result, error) {
	c, err := rival.Compare(ctx, r.Bin, r.Progress)
	if err != nil {
		return result{}, err
	}
	return result{
		figures: []figure{
			atLeast("recovery, times as fast as the hand-made stack, in the median", c.Ratio(), rival.Target, "%.1f", ""),
			shown("notification to the proxy's WebSocket, agent / hand-made", "%s / %s",
				milli(quantile(c.AgentTunnel, 0.5)), milli(quantile(c.RivalTunnel, 0.5))),
			shown("the whole comparison took", "%s", c.Took.Round(time.Second)),
		},
		text: c.Markdown(),
	}, nil
}
