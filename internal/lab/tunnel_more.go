package lab

import (
	"context"
	"fmt"
	"net"
	"time"

	"edgeagent/internal/lab/tunneling"
)

// Rotate does what the office does when it has lost a token: it has the
// tunnel's tokens replaced, which notifies the device again, and connects its
// side anew. The service closes the sides that are connected only if kick.
func (t *Tunnel) Rotate(ctx context.Context, kick bool) (*Tunnel, error) {
	t.lab.arrivals.drain()
	tokens, err := t.lab.Tunneling.Rotate(t.ID, kick)
	if err != nil {
		return nil, fmt.Errorf("rotating a tunnel's tokens: %w", err)
	}
	r := &Tunnel{Tunnel: tokens, lab: t.lab, Notified: time.Now()}
	if err := t.lab.Notify(ctx, r.DestinationToken, r.Services...); err != nil {
		return nil, err
	}
	if r.Connected, err = t.lab.arrivals.wait(ctx); err != nil {
		return nil, fmt.Errorf("rotating a tunnel's tokens: %w", err)
	}
	return r, r.connect(ctx)
}

// Dial connects to a service of the device from the office.
func (t *Tunnel) Dial(ctx context.Context, service string) (net.Conn, error) {
	addr := t.source.Addr(service)
	if addr == nil {
		return nil, fmt.Errorf("dialling through a tunnel: it has no service %s", service)
	}
	return t.lab.VPC.Dial(ctx, "tcp", addr.String())
}

// Wire opens a tunnel with the office's side in the caller's hands, and
// notifies the device.
func (l *Lab) Wire(ctx context.Context, services ...string) (tunneling.Tunnel, *tunneling.Wire, error) {
	t := l.Tunneling.Open(services...)
	w, err := l.Tunneling.Wire(t.ID)
	if err == nil {
		err = l.Notify(ctx, t.DestinationToken, services...)
	}
	if err == nil {
		err = w.Connected(ctx)
	}
	return t, w, err
}

// TunnelingAnswers changes how the VPC resolver answers for the tunneling
// service's name: AnswerPrivate or AnswerPublic.
func (l *Lab) TunnelingAnswers(ctx context.Context, how Answers) error {
	commands := map[Answers][][]string{
		AnswerPrivate: {
			{"local_zone", l.data().TunnelingZone, "static"},
			{"local_data", TunnelingHost, fmt.Sprint(l.opts.ttl()), "IN", "A", TunnelingAddr.String()},
		},
		AnswerPublic: {{"local_zone", TunnelingHost, "always_transparent"}},
	}[how]
	if commands == nil {
		return fmt.Errorf("changing the VPC resolver's answers: unknown way %q", how)
	}
	for _, args := range append(commands, []string{"flush", TunnelingHost}) {
		args = append([]string{"-c", l.path("vpc", "unbound.conf")}, args...)
		if _, err := l.VPC.Run(ctx, "unbound-control", args...); err != nil {
			return err
		}
	}
	return nil
}
