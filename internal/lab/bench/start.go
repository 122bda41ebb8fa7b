package bench

import (
	"context"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// startRounds is how often the agent is started.
const startRounds = 10

// measureStart measures how long it takes from nothing to a session.
func measureStart(ctx context.Context, r *run) (result, error) {
	var start, connected []time.Duration
	for range startRounds {
		if err := r.startOnce(ctx, &start, &connected); err != nil {
			return result{}, err
		}
	}
	return result{
		figures: []figure{
			shown("`edgeagent run` to MQTT connected", "%s", spread(start)),
			shown("the VPN's address on the device to MQTT connected", "%s", spread(connected)),
		},
		text: `Each time in a lab of its own, for a VPN server that knows the device already is quicker. The times are netlink's and those of
the status. OpenVPN is started with its server's address: one that has to ask for it, in a file with several servers, takes half a second more.`,
	}, nil
}

// startOnce takes a lab of its own: a second start in the same one would meet
// a VPN server that knows the device already.
func (r *run) startOnce(ctx context.Context, start, connected *[]time.Duration) error {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer l.Close() // the figures are what counts
	tun, err := watchTun(l.Device)
	if err != nil {
		return err
	}
	defer tun.stop()
	a, err := l.StartAgent(r.Bin)
	if err != nil {
		return err
	}
	defer a.Stop()
	broker, err := a.WaitStage(ctx, "broker", status.OK, "")
	if err != nil {
		return err
	}
	up, err := tun.wait(ctx)
	if err != nil {
		return err
	}
	*start = append(*start, broker.Since.Sub(a.Started))
	*connected = append(*connected, broker.Since.Sub(up))
	return nil
}
