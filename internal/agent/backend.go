package agent

import (
	"context"
	"errors"
	"fmt"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/status"
	"edgeagent/internal/tunnel"
)

// Snapshot implements control.Backend.
func (p *parts) Snapshot() status.Snapshot { return p.board.Snapshot() }

// Links implements control.Backend: the link that carries the path, and the
// others of the configuration, which stand by.
func (p *parts) Links() []control.LinkInfo {
	var all []control.LinkInfo
	for i, l := range p.links {
		if i > 0 {
			all = append(all, control.LinkInfo{
				Name: l.Name, Type: l.Type, State: status.Waiting, Reason: status.ReasonDisabled,
				Detail: "failover is not in this version",
			})
			continue
		}
		c := p.board.Condition("link")
		path, up := p.link.Path()
		all = append(all, control.LinkInfo{
			Name: l.Name, Type: l.Type, State: c.State, Reason: c.Reason, Detail: c.Detail,
			Device: path.Device, Active: up,
		})
	}
	return all
}

// RestartLink implements control.Backend.
func (p *parts) RestartLink(ctx context.Context, name string) error {
	for i, l := range p.links {
		if l.Name == name && i == 0 {
			return p.link.Restart(ctx)
		}
	}
	return notFoundError{fmt.Errorf("no link %q that runs; %q does", name, p.links[0].Name)}
}

// Tunnels implements control.Backend.
func (p *parts) Tunnels() []control.TunnelInfo {
	all := []control.TunnelInfo{}
	for _, t := range p.tunnel.List() {
		all = append(all, control.TunnelInfo{
			ID: t.ID, Services: t.Services, Since: t.Since, BytesIn: t.BytesIn, BytesOut: t.BytesOut,
			State: t.State, Detail: t.Detail,
		})
	}
	return all
}

// CloseTunnel implements control.Backend.
func (p *parts) CloseTunnel(ctx context.Context, id string) error {
	err := p.tunnel.Close(ctx, id)
	if unknown, ok := errors.AsType[*tunnel.UnknownError](err); ok {
		return notFoundError{unknown}
	}
	return err
}

// notFoundError makes an error one that the control API answers with "not
// found", its words unchanged.
type notFoundError struct{ error }

// Is implements the protocol of errors.Is.
func (notFoundError) Is(target error) bool { return target == control.ErrNotFound }

// notify is nil while tunnels are disabled: then nothing is subscribed.
func (p *parts) notify(cfg config.Config) func(topic string, payload []byte) {
	if !cfg.Tunnel.Enabled {
		return nil
	}
	return p.tunnel.Handle
}
