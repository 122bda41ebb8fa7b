package bench

import (
	"context"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// notifyRounds is how many notifications the agent takes without a pause.
const notifyRounds = burst

// measureNotify measures from the notification to the proxy's WebSocket.
func measureNotify(ctx context.Context, r *run) (result, error) {
	var all []time.Duration
	err := r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) error {
		for range notifyRounds {
			took, err := tunnelOnce(ctx, l, a)
			if err != nil {
				return err
			}
			all = append(all, took)
		}
		return nil
	})
	return result{
		figures: []figure{shown("notification to the proxy's WebSocket", "%s", spread(all))},
		text: `From the start of ` + "`mosquitto_pub`" + ` with the notification, beside the broker, to the handshake at the tunneling service:
the message goes through broker and VPN, the agent starts the proxy, the proxy goes through TLS and the WebSocket's upgrade.`,
	}, err
}

// tunnelOnce opens a tunnel and closes it again.
func tunnelOnce(ctx context.Context, l *lab.Lab, a *lab.Agent) (time.Duration, error) {
	t, err := l.OpenTunnel(ctx, "SSH")
	if err != nil {
		return 0, err
	}
	if err := t.Close(); err != nil {
		return 0, err
	}
	_, err = a.WaitStage(ctx, "tunnel", status.OK, status.ReasonIdle)
	return t.Connected.Sub(t.Notified), err
}
