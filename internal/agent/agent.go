package agent

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/control"
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
	Log         *slog.Logger
}

// SocketName is the control API's socket within the runtime directory.
const SocketName = "control.sock"

// Run is the daemon: it serves the control API and the DNS stub, and keeps the
// chain up until ctx ends. It returns an error only if it could not start, for
// instance because another daemon has the control socket.
func Run(ctx context.Context, o Options) error {
	if err := makeDirs(o); err != nil {
		return err
	}
	listener, err := control.Listen(filepath.Join(o.RuntimeDir, SocketName))
	if err != nil {
		return err
	}
	if o.StubSockets == nil {
		o.StubSockets = NewStubSockets(nil)
		defer o.StubSockets.close()
	}
	p, err := build(o)
	if err != nil {
		listener.Close()
		return err
	}
	o.Log.Info("edgeagent started", "version", o.Version, "device", o.Config.Device.Thing, "config", o.ConfigFile)
	var services sync.WaitGroup
	serviceCtx, stopServices := context.WithCancel(context.WithoutCancel(ctx))
	services.Go(func() {
		if err := control.NewServer(p, o.Log).Serve(serviceCtx, listener); err != nil {
			o.Log.Error("the control API ended", "err", err)
		}
	})
	services.Go(func() { p.dns.run(serviceCtx) })
	services.Go(func() { p.watchDoubt(serviceCtx) })
	services.Go(func() { newNotifier(p.board, o.Log).run(serviceCtx) })
	p.chain.Run(ctx)
	stopServices()
	services.Wait()
	o.Log.Info("edgeagent stopped")
	return nil
}

func makeDirs(o Options) error {
	for dir, mode := range map[string]os.FileMode{o.RuntimeDir: 0o755, o.StateDir: 0o700} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return fmt.Errorf("making %s: %w", dir, err)
		}
	}
	return nil
}
