package agent

import (
	"context"
	"errors"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/history"
	"edgeagent/internal/status"
	"edgeagent/internal/tunnel"
	"edgeagent/internal/vpn"
)

// Snapshot implements control.Backend.
func (p *parts) Snapshot() status.Snapshot { return p.board.Snapshot() }

// History implements control.Backend.
func (p *parts) History() history.History { return p.recorder.History() }

// Links implements control.Backend.
func (p *parts) Links() []control.LinkInfo {
	all := []control.LinkInfo{}
	for _, l := range p.links.List() {
		all = append(all, control.LinkInfo{
			Name: l.Name, Type: l.Type, State: l.State, Reason: l.Reason, Detail: l.Detail, Device: l.Device, Active: l.Active,
			AgentBytesDay: l.AgentBytesDay,
		})
	}
	return all
}

// RestartLink implements control.Backend.
func (p *parts) RestartLink(ctx context.Context, name string) error {
	err := p.links.Restart(ctx, name)
	if errors.Is(err, vpn.ErrUnknown) {
		return notFoundError{err}
	}
	return err
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
