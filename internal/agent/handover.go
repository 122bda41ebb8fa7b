package agent

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/handover"
	"edgeagent/internal/history"
	"edgeagent/internal/status"
	"edgeagent/internal/tunnel"
	"edgeagent/internal/vpn"
)

// ErrReplaced is the cause with which Run's context ends when another Run
// follows: OpenVPN, open tunnels and sockets then go on without it.
var ErrReplaced = errors.New("replaced by another agent")

// HandoverSchema is the number of Handover's form. It goes up with every change
// that an older or newer version would misread; what only adds to it does not.
const HandoverSchema = 1

// Handover is what one Run leaves to the next. Its descriptors stay open, its
// processes run. It holds the tokens of open tunnels.
type Handover struct {
	Version string            `json:"version"` // of the agent that left
	Control *control.Handover `json:"control"`
	Links   []*vpn.Handover   `json:"links"` // of type openvpn, those that are connected
	// Carried is the link that carried the path, of any type; "": none.
	Carried string           `json:"carried,omitempty"`
	Tunnels *tunnel.Handover `json:"tunnels"`
	History *history.History `json:"history,omitempty"` // bounded by its Recorder, 300 kB at most
	// Losses are how often each stage had left ok. The daemon has not ended, so the
	// count goes on.
	Losses map[string]int `json:"losses,omitempty"`
	// Stub are descriptors of the DNS stub's sockets, for another image.
	Stub []StubSocket `json:"stub"`
}

// StubSocket is one socket of the DNS stub on its way to another image.
type StubSocket struct {
	Name string `json:"name"`
	FD   int    `json:"fd"`
}

// FDs returns the descriptors in h.
func (h *Handover) FDs() []int {
	fds := append(h.Control.FDs(), h.Tunnels.FDs()...)
	for _, l := range h.Links {
		fds = append(fds, l.FDs()...)
	}
	for _, s := range h.Stub {
		fds = append(fds, s.FD)
	}
	return fds
}

// PIDs returns the processes in h.
func (h *Handover) PIDs() []int {
	pids := h.Tunnels.PIDs()
	for _, l := range h.Links {
		pids = append(pids, l.PIDs()...)
	}
	return pids
}

// endGrace is for each process of a Handover that nobody takes.
const endGrace = time.Second

// End ends everything in h: no Run follows.
func (h *Handover) End() {
	handover.Close(h.FDs()...)
	for _, pid := range h.PIDs() {
		handover.EndChild(pid, endGrace)
	}
}

// link returns what the named link has left, or nil.
func (h *Handover) link(name string) *vpn.Handover {
	if h == nil {
		return nil
	}
	i := slices.IndexFunc(h.Links, func(l *vpn.Handover) bool { return l.Link == name })
	if i < 0 {
		return nil
	}
	return h.Links[i]
}

// carried returns the name of the link that carried the path, or "".
func (h *Handover) carried() string {
	if h == nil {
		return ""
	}
	return h.Carried
}

// endOthers ends what links have left that are not in the configuration any more.
func (h *Handover) endOthers(links []config.Link) {
	if h == nil {
		return
	}
	for _, left := range h.Links {
		if slices.ContainsFunc(links, func(l config.Link) bool { return l.Name == left.Link && l.Type == config.LinkOpenVPN }) {
			continue
		}
		handover.Close(left.FDs()...)
		handover.EndChild(left.PID, endGrace)
	}
}

// tunnels returns the tunnels that were left, or nil.
func (h *Handover) tunnels() *tunnel.Handover {
	if h == nil {
		return nil
	}
	return h.Tunnels
}

// replaced reports whether ctx has ended for another Run to follow.
func replaced(ctx context.Context) bool { return context.Cause(ctx) == ErrReplaced }

// listen takes the control socket over, or opens it.
func listen(o Options) (*control.Listener, error) {
	path := filepath.Join(o.RuntimeDir, SocketName)
	if o.Adopt != nil && o.Adopt.Control != nil {
		l, err := control.Adopt(path, o.Adopt.Control)
		o.Adopt.Control = nil
		if err == nil {
			return l, nil
		}
		o.Log.Warn("opening a new control socket", "err", err)
	}
	return control.Listen(path)
}

// runChain runs the stages until ctx ends. Those with something that is to go on
// are told before they are stopped.
func (p *parts) runChain(ctx context.Context) {
	chainCtx, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	context.AfterFunc(ctx, func() {
		if replaced(ctx) {
			p.losses = p.board.Losses() // before the stages are stopped
			p.tunnel.Leave()
			p.links.Leave()
		}
		stop()
	})
	p.chain.Run(chainCtx)
}

// restore takes over what status has said of the past.
func (p *parts) restore(h *Handover) {
	if h.History != nil {
		p.recorder.Restore(*h.History)
	}
	p.board.Restore(h.Losses)
}

// settle collects what goes on, or ends what nobody has taken over.
func (p *parts) settle(ctx context.Context, o Options, l *control.Listener) *Handover {
	h := &Handover{Version: o.Version, Links: p.links.Settle(), Carried: p.links.Carried(), Tunnels: p.tunnel.Settle()}
	if !replaced(ctx) {
		return nil
	}
	past := p.recorder.History()
	h.History, h.Losses = &past, p.losses
	var err error
	if h.Control, err = l.HandOver(); err != nil {
		o.Log.Warn("the control API will pause", "err", err)
	}
	return h
}

// watchHeirs ends the tunnels that were taken over as soon as the path under
// them is known to be broken; the stage itself does so only once it runs.
func (p *parts) watchHeirs(ctx context.Context) {
	for {
		changed := p.board.Changed()
		for _, name := range []string{"link", "dns", "endpoint"} {
			if p.board.Condition(name).State == status.Down {
				p.tunnel.Abandon()
				return
			}
		}
		if p.board.Condition("tunnel").State.Usable() {
			return // the stage has them
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// watchWarnings shows the latest of warnings.
func (p *parts) watchWarnings(ctx context.Context, warnings <-chan string) {
	for {
		select {
		case text := <-warnings:
			p.board.Warn(text)
		case <-ctx.Done():
			return
		}
	}
}

// SocketFiles returns duplicates of the stub's sockets for another image, and
// none if they cannot be had: it will make new ones.
func (k *StubSockets) SocketFiles() []StubSocket {
	var out []StubSocket
	for i, f := range k.Files() {
		fd, err := handover.Dup(f)
		if err != nil {
			return out
		}
		out = append(out, StubSocket{Name: stubSocketNames[i], FD: fd})
	}
	return out
}
