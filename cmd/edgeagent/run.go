package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
)

// stopLimit is how long the agent may take to stop. systemd would wait longer,
// but a boot or an upgrade should not.
const stopLimit = 10 * time.Second

// agentFunc is agent.Run: it returns when ctx ends, or when it cannot start.
type agentFunc func(ctx context.Context, o agent.Options) error

// newRunCommand is what the unit starts.
func newRunCommand(run agentFunc) *cobra.Command {
	d := daemon{run: run, standBy: startStandby}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: "Run the daemon in the foreground.\n\n" +
			"SIGTERM stops it within 10 s. SIGHUP re-reads the configuration; one with faults is refused.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			if err := d.findDirs(); err != nil {
				return err
			}
			d.options.Version, d.options.Build = programVersion(), buildTime()
			d.options.StubSockets = agent.NewStubSockets(activation.Files(true))
			d.newLog = func(c config.Log) *slog.Logger { return slog.New(newLogHandler(cmd.ErrOrStderr(), c)) }
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			return d.serve(cmd.Context(), reload)
		}),
	}
	addConfigFlag(cmd, &d.options.ConfigFile)
	addWaitFlag(cmd, &d.wait)
	addRuntimeDirFlag(cmd, &d.options.RuntimeDir, envRuntimeDir)
	cmd.Flags().StringVar(&d.options.StateDir, "state-dir", "",
		"directory of what survives a boot (default $"+envStateDir+", then "+defaultStateDir+")")
	return cmd
}

// daemon runs the agent, anew for each configuration.
type daemon struct {
	options agent.Options // without what changes with the configuration
	run     agentFunc
	wait    bool // for a configuration without faults, instead of ending
	standBy standbyFunc
	newLog  func(config.Log) *slog.Logger
}

// findDirs replaces the directories given by the ones to use.
func (d *daemon) findDirs() (err error) {
	if d.options.RuntimeDir, err = daemonDir(d.options.RuntimeDir, envRuntimeDir, defaultRuntimeDir); err != nil {
		return err
	}
	d.options.StateDir, err = daemonDir(d.options.StateDir, envStateDir, defaultStateDir)
	return err
}

// serve runs the agent until ctx ends or it fails. A value on reload has the
// configuration re-read. Nothing is started with a configuration that has faults.
func (d *daemon) serve(ctx context.Context, reload <-chan os.Signal) error {
	c, err := d.firstConfig(ctx, reload)
	for err == nil && c != nil {
		c, err = d.serveOne(ctx, *c, reload)
	}
	return err
}

// serveOne runs the agent with one configuration. It returns the next one, or
// nil when there is none.
func (d *daemon) serveOne(ctx context.Context, c config.Config, reload <-chan os.Signal) (*config.Config, error) {
	o := d.options
	o.Config, o.Log = c, d.newLog(c.Log)
	agentCtx, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- d.run(agentCtx, o) }()
	for {
		select {
		case err := <-ended:
			return nil, err
		case <-ctx.Done():
			return nil, await(ended)
		case <-reload:
			next, err := d.load(o.Log)
			if err != nil {
				logFaults(o.Log, err)
				continue
			}
			o.Log.Info("configuration re-read, starting anew", "file", o.ConfigFile)
			stop()
			return &next, await(ended)
		}
	}
}

// await waits for the agent to stop. One that hangs is left to the kernel.
func await(ended <-chan error) error {
	select {
	case err := <-ended:
		return err
	case <-time.After(stopLimit):
		return fmt.Errorf("the agent did not stop within %s", stopLimit)
	}
}
