package soak

import (
	"context"
	"fmt"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/faults"
)

// What goes through a tunnel right after it was opened, and how long that may take.
const (
	tunnelBytes = 2 << 20
	tunnelTime  = 30 * time.Second
)

// tunnelRow is a person at work: a tunnel is opened, data goes through it, a
// session stays open in it, and whatever happens meanwhile, it is closed at the
// end as the office does.
func tunnelRow() faults.Row {
	var open *lab.Tunnel
	var endSession context.CancelFunc
	return faults.Row{
		Name: "tunnel", How: "opened, 2 MB read through it by ssh, a session left open in it, closed",
		Want: at(placeWork), Quiet: true,
		Inject: func(ctx context.Context, r *faults.Rig) (err error) {
			endSession = func() {}
			openCtx, cancel := context.WithTimeout(ctx, tunnelTime)
			defer cancel()
			if open, err = r.OpenTunnel(openCtx, "SSH"); err != nil {
				return err
			}
			if err := read(openCtx, open); err != nil {
				return err
			}
			endSession = session(ctx, open)
			return nil
		},
		Lift: func(context.Context, *faults.Rig) error {
			if open == nil {
				return nil
			}
			endSession()
			err := open.Close()
			open = nil
			return err
		},
	}
}

// read wants every byte through the tunnel.
func read(ctx context.Context, t *lab.Tunnel) error {
	out, err := t.SSH(ctx, fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x", tunnelBytes))
	if err != nil {
		return err
	}
	if n := strings.Count(out, "x"); n != tunnelBytes || len(out) != n {
		return fmt.Errorf("%d bytes came through the tunnel, %d of them right, want %d", len(out), n, tunnelBytes)
	}
	return nil
}

// session leaves a shell at work in the tunnel, until it is ended or the path
// takes it away.
func session(ctx context.Context, t *lab.Tunnel) (end context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = t.SSH(ctx, "while echo x; do sleep 0.2; done") // it ends by being ended
	}()
	return func() { cancel(); <-ended }
}
