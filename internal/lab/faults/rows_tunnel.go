package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/status"
)

// What the tunnel stage may name.
var (
	tunnelRefused = Want{"tunnel", status.ReasonRefused}
	tunnelGone    = Want{"tunnel", status.ReasonUnreachable}
)

// tunnelRows are the faults of the tunnel stage. The stream of messages would
// use up what the stage takes in of notifications, so there is none.
func tunnelRows() []Row {
	rows := []Row{flood(), serviceDown(), serviceLost(), serviceRefuses(), serviceHalfOpen(), sshdDead()}
	for i := range rows {
		rows[i].Warm = works // the route to the tunneling service stays as long as the link
	}
	return rows
}

// patience bounds each step that a row takes with a tunnel.
const patience = 90 * time.Second

// works opens a tunnel, runs a command through it and closes it, as somebody
// does who looks whether all is well. The device takes a notification every 2 s,
// after a flood not the first.
func works(ctx context.Context, r *Rig) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return lab.Poll(ctx, time.Second, func() error {
		tryCtx, cancel := context.WithTimeout(ctx, patience/9)
		defer cancel()
		t, err := r.OpenTunnel(tryCtx, "SSH")
		if err != nil {
			return err
		}
		return errors.Join(carries(tryCtx, t), t.Close())
	})
}

// hangUp closes a tunnel as the office does.
func hangUp(t *lab.Tunnel) error {
	if t == nil {
		return errNotInjected
	}
	return t.Close()
}

// shut has the service close a tunnel that the office is not connected to.
func shut(r *Rig, t tunneling.Tunnel) error {
	if t.ID == "" {
		return errNotInjected
	}
	return r.Tunneling.Close(t.ID)
}

// carries runs a command through a tunnel.
func carries(ctx context.Context, t *lab.Tunnel) error {
	if t == nil {
		return errNotInjected
	}
	out, err := t.SSH(ctx, "hostname")
	if err == nil && strings.TrimSpace(out) != lab.Thing {
		err = fmt.Errorf("ssh ends at %q", out)
	}
	return err
}

// Bounds of the flood.
const (
	floodLength = 10_000
	// floodMemory is how much more the daemon may hold at its peak, in kB.
	floodMemory = 8 << 10
	floodToken  = 560 // bytes, as long as real ones
)

// flood is a row with more notifications than anybody can mean, each well formed
// and for a tunnel that the service does not know.
func flood() Row {
	return Row{
		Name: "flood of notifications", Quiet: true, Soak: true, Want: []Want{tunnelRefused},
		How: fmt.Sprintf("%d notifications of unknown tunnels, as fast as mosquitto takes them; then a real one", floodLength),
		Inject: func(ctx context.Context, r *Rig) error {
			before, err := r.Agent.PeakMemory()
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
			defer cancel()
			if err := r.Flood(ctx, floodLength, unknownTunnel); err != nil {
				return err
			}
			after, err := r.Agent.PeakMemory()
			if grown := after - before; err == nil && grown > floodMemory {
				err = fmt.Errorf("the daemon took %d kB more", grown)
			}
			return err
		},
		Lift: works,
	}
}

// unknownTunnel is the notification of a tunnel that nobody has opened.
func unknownTunnel(i int) string {
	token := fmt.Sprintf("%0*d", floodToken, i)
	return fmt.Sprintf(`{"clientAccessToken":%q,"clientMode":"destination","region":%q,"services":["SSH"]}`, token, lab.Region)
}

// serviceDown is a row in which the service cannot be reached when a tunnel is
// announced. What the device has tried counts when it is back.
func serviceDown() Row {
	var t tunneling.Tunnel
	return Row{
		Name: "tunneling service down", How: "its port refuses when a tunnel is announced", Quiet: true, Soak: true, Want: []Want{tunnelGone},
		Inject: func(ctx context.Context, r *Rig) (err error) {
			t = tunneling.Tunnel{}
			if err = r.TunnelingDown(true); err == nil {
				t, err = r.Announce(ctx, "SSH")
			}
			return err
		},
		Lift:  do(func(l *lab.Lab) error { return l.TunnelingDown(false) }),
		After: func(_ context.Context, r *Rig) error { return shut(r, t) },
	}
}

// serviceLost is a row in which it goes away under an open tunnel, which must
// carry the next session when it is back.
func serviceLost() Row {
	var t *lab.Tunnel
	return Row{
		Name: "tunneling service lost", How: "its port refuses, and resets the open tunnel's connection", Quiet: true, Soak: true, Want: []Want{tunnelGone},
		World: "the tunnel's own pings, 20 s: nothing else is sent through it",
		Inject: func(ctx context.Context, r *Rig) (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if t, err = r.OpenTunnel(ctx, "SSH"); err == nil {
				err = carries(ctx, t)
			}
			return errors.Join(err, r.TunnelingDown(true))
		},
		Lift: do(func(l *lab.Lab) error { return l.TunnelingDown(false) }),
		After: func(ctx context.Context, _ *Rig) error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return errors.Join(carries(ctx, t), hangUp(t))
		},
	}
}

// serviceRefuses is a row with a token that the service does not take. What was
// refused stays on the screen for ten minutes, or until a tunnel opens.
func serviceRefuses() Row {
	return Row{
		Name: "tunneling service answers 403", How: "it refuses the token of a tunnel; then another is opened", Quiet: true, Soak: true, Want: []Want{tunnelRefused},
		Inject: func(ctx context.Context, r *Rig) error {
			r.Tunneling.Refuse(http.StatusForbidden, 1)
			_, err := r.Announce(ctx, "SSH")
			return err
		},
		Lift: works,
	}
}

// serviceHalfOpen is a row in which the service stays silent on a connection that
// the kernels on both sides take for alive.
func serviceHalfOpen() Row {
	var t tunneling.Tunnel
	var w *tunneling.Wire
	return Row{
		Name: "tunneling service half-open", How: "the open tunnel's connection neither gives nor takes anything", Quiet: true, Soak: true,
		World: "the tunnel's own pings: two of them, 20 s apart as the reference program has it, must go unanswered",
		Inject: func(ctx context.Context, r *Rig) (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if t, w, err = r.Wire(ctx, "SSH"); err == nil {
				err = greeted(ctx, w)
			}
			if err != nil {
				return err
			}
			return w.Freeze()
		},
		Lift: func(ctx context.Context, r *Rig) error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if w == nil {
				return errNotInjected
			}
			if err := w.Connected(ctx); err != nil {
				return err
			}
			return greeted(ctx, w)
		},
		After: func(_ context.Context, r *Rig) error { return shut(r, t) },
	}
}

// greeted connects to the device's sshd through the wire, which says who it is.
func greeted(ctx context.Context, w *tunneling.Wire) error {
	err := w.Send(ctx, tunneling.Message{Kind: tunneling.StreamStart, Stream: 1, Service: "SSH", Connection: 1})
	if err != nil {
		return err
	}
	m, err := w.Receive(ctx)
	if err == nil && !bytes.HasPrefix(m.Payload, []byte("SSH-2.0-")) {
		err = fmt.Errorf("sshd says %d %q", m.Kind, m.Payload)
	}
	return err
}

// sshdDead is a row in which the service of an open tunnel dies. The path is not
// to blame, and the tunnel must serve when it is back.
func sshdDead() Row {
	var t *lab.Tunnel
	return Row{
		Name: "sshd dead during a tunnel", How: "SIGKILL of sshd and its sessions; then it is started again", Quiet: true, Soak: true,
		Inject: func(ctx context.Context, r *Rig) (err error) {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			if t, err = r.OpenTunnel(ctx, "SSH"); err == nil {
				err = carries(ctx, t)
			}
			if err = errors.Join(err, r.StopSSHD(ctx)); err != nil {
				return err
			}
			if carries(ctx, t) == nil {
				return errors.New("ssh works without sshd")
			}
			return nil
		},
		Lift: func(ctx context.Context, r *Rig) error {
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			return errors.Join(r.StartSSHD(ctx), carries(ctx, t))
		},
		After: func(context.Context, *Rig) error { return hangUp(t) },
	}
}
