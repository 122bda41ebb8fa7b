package rival

import (
	"context"
	"fmt"
	"time"
)

// How the way from a notification to a tunnel is measured.
const (
	tunnelRounds = 5
	tunnelPause  = 2 * time.Second // the agent takes a burst of 8 notifications, then one in this time
	tunnelLimit  = 20 * time.Second
)

// tunnels measures it for both stacks, one after the other.
func (c *comparison) tunnels(ctx context.Context) (ours, theirs []time.Duration, err error) {
	if ours, err = c.tunnelsOf(ctx, startOurs); err != nil {
		return nil, nil, fmt.Errorf("opening the agent's tunnels: %w", err)
	}
	if theirs, err = c.tunnelsOf(ctx, startRival); err != nil {
		return nil, nil, fmt.Errorf("opening the articles' tunnels: %w", err)
	}
	c.say("notification to tunnel, median: agent %s, articles' stack %s", median(ours), median(theirs))
	return ours, theirs, nil
}

// tunnelsOf opens and closes tunnels at one stack.
func (c *comparison) tunnelsOf(ctx context.Context, start starter) (took []time.Duration, err error) {
	var s Sample
	err = inWorld(ctx, c.bin, start, &s, func(ctx context.Context, w world, _ *office) error {
		for range tunnelRounds {
			if err := sleep(ctx, tunnelPause); err != nil {
				return err
			}
			d, err := w.tunnel(ctx)
			if err != nil {
				return err
			}
			took = append(took, d)
		}
		return nil
	})
	return took, err
}

// tunnel opens one tunnel, and returns how long the device's proxy took to
// connect.
func (w world) tunnel(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, tunnelLimit)
	defer cancel()
	t, err := w.OpenTunnel(ctx, "SSH")
	if err != nil {
		return 0, err
	}
	return t.Connected.Sub(t.Notified), t.Close()
}
