package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/power"
)

// Options is what the daemon is started with.
type Options struct {
	Config     config.Config
	ConfigFile string    // for messages
	RuntimeDir string    // sockets, process files; emptied by a boot
	StateDir   string    // small state that survives a boot
	Version    string    // shown in status
	Build      time.Time // no clock before it is believed
	// StubSockets keeps the DNS stub's sockets open from one Run to the next.
	// Default: this Run's own, which end with it.
	StubSockets *StubSockets
	// Adopt is what the Run before this one left; nil: nothing.
	Adopt *Handover
	// Warnings are shown in status until the next; may be nil.
	Warnings <-chan string
	// Quiet is called when nothing has changed for a while, to give back the
	// memory that only the change took; may be nil.
	Quiet func() error
	Log   *slog.Logger
}

// SocketName is the control API's socket within the runtime directory.
const SocketName = "control.sock"

// Run is the daemon: it serves the control API and the DNS stub, and keeps the
// chain up until ctx ends. It returns an error only if it could not start, for
// instance because another daemon has the control socket; what o was to adopt is
// then returned as it was. If ctx ends with the cause ErrReplaced, what goes on
// is returned for the Run that follows, here or in another image.
func Run(ctx context.Context, o Options) (*Handover, error) {
	if err := makeDirs(o); err != nil {
		return o.Adopt, err
	}
	if o.StubSockets == nil {
		o.StubSockets = NewStubSockets(nil)
		defer o.StubSockets.close()
	}
	p, err := build(o)
	if err != nil {
		return o.Adopt, err
	}
	listener, err := listen(o)
	if err != nil {
		return o.Adopt, err
	}
	o.Log.Info("edgeagent started", "version", o.Version, "device", o.Config.Device.Thing, "config", o.ConfigFile)
	o.Adopt.endOthers(o.Config.Links)
	p.tunnel.Adopt(o.Adopt.tunnels())
	if o.Adopt != nil {
		p.restore(o.Adopt)
	}
	stopServices := p.serve(ctx, o, listener)
	p.runChain(ctx)
	left := p.settle(ctx, o, listener)
	stopServices()
	o.Log.Info("edgeagent stopped")
	return left, nil
}

// serve starts what runs beside the chain and returns what ends it.
func (p *parts) serve(ctx context.Context, o Options, listener *control.Listener) (stop func()) {
	leaving := func() bool { return replaced(ctx) }
	var services sync.WaitGroup
	serviceCtx, stopServices := context.WithCancel(context.WithoutCancel(ctx))
	services.Go(func() {
		if err := control.NewServer(p, o.Log).Serve(serviceCtx, listener); err != nil {
			o.Log.Error("the control API ended", "err", err)
		}
	})
	p.dns.leaving = leaving
	services.Go(func() { p.dns.run(serviceCtx) })
	services.Go(func() { p.watchDoubt(serviceCtx) })
	services.Go(func() { p.watchHeirs(serviceCtx) })
	services.Go(func() { p.recorder.Run(serviceCtx) })
	for _, page := range p.pages(o) {
		services.Go(func() { page.Run(serviceCtx) })
	}
	services.Go(func() { p.watchWarnings(serviceCtx, o.Warnings) })
	services.Go(func() { whenQuiet(serviceCtx, p.board, o) })
	services.Go(func() { watchSurroundings(serviceCtx, p.board, func() power.Reading { return power.Read("/") }) })
	n := newNotifier(p.board, o.Log)
	n.leaving = leaving
	services.Go(func() { n.run(serviceCtx) })
	return func() { stopServices(); services.Wait() }
}

func makeDirs(o Options) error {
	for dir, mode := range map[string]os.FileMode{o.RuntimeDir: 0o755, o.StateDir: 0o700} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return fmt.Errorf("making %s: %w", dir, err)
		}
	}
	return nil
}
