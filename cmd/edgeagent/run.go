package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime"

	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/spf13/cobra"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
	"edgeagent/internal/localproxy"
)

// stopLimit is how long the agent may take to stop. systemd would wait longer,
// but a boot or an upgrade should not.
const stopLimit = 10 * time.Second

// processors is how many threads may run Go code at once. The daemon waits nearly
// always. With a second one, whatever happens wakes a thread that looks for work,
// finds none and is in the way of the one that has it.
const processors = 1

// agentFunc is agent.Run: it returns when ctx ends, or when it cannot start, and
// what goes on for the next one.
type agentFunc func(ctx context.Context, o agent.Options) (*agent.Handover, error)

// newRunCommand is what the unit starts.
func newRunCommand(run agentFunc) *cobra.Command {
	d := daemon{run: run, standBy: startStandby, image: findImage(), warnings: make(chan string, 1)}
	d.options.Warnings = d.warnings
	d.execute = func(ctx context.Context, h *agent.Handover) error {
		return d.image.execute(ctx, h, d.options.StubSockets)
	}
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the daemon in the foreground",
		Long: "Run the daemon in the foreground.\n\n" +
			"SIGTERM stops it within 10 s. SIGHUP re-reads the configuration; one with faults\n" +
			"is refused. If the program's file is another one by then, SIGHUP has it take\n" +
			"over in the same process, with OpenVPN and open tunnels as they are.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			runtime.GOMAXPROCS(processors)
			if err := d.findDirs(); err != nil {
				return err
			}
			d.options.Version, d.options.Build = programVersion(), buildTime()
			d.options.StubSockets = agent.NewStubSockets(d.takeOver(activation.Files(true)))
			d.newLog = func(c config.Log) *slog.Logger { return slog.New(newLogHandler(cmd.ErrOrStderr(), c)) }
			d.options.Quiet = localproxy.Trim
			reload := make(chan os.Signal, 1)
			d.arm = func(ctx context.Context) { armSignals(ctx, reload) }
			defer signal.Stop(reload)
			if again, _ := d.image.replaced(); again {
				reload <- syscall.SIGHUP // one that came while this image was being started
			}
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

	image    image                                        // of this process
	execute  func(context.Context, *agent.Handover) error // the program's file that is there now
	arm      func(context.Context)                        // signals
	disarmed bool                                         // for an execve that failed
	before   *config.Config                               // the last one that an agent ran with
	warnings chan string                                  // for status
	note     string                                       // on what the image before left, for the log
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
	d.arm(ctx)
	d.settleStart()
	c, err := d.firstConfig(ctx, reload)
	for err == nil && c != nil {
		if d.disarmed {
			d.arm(ctx)
			d.disarmed = false
		}
		c, err = d.serveOne(ctx, *c, reload)
	}
	return err
}

// ended is what an agent returned.
type ended struct {
	left *agent.Handover
	err  error
}

// serveOne runs the agent with one configuration, on what the one before left.
// It returns the next one, or nil when there is none.
func (d *daemon) serveOne(ctx context.Context, c config.Config, reload <-chan os.Signal) (*config.Config, error) {
	o := d.options
	o.Config, o.Log = c, d.newLog(c.Log)
	d.options.Adopt = nil
	agentCtx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	done := make(chan ended, 1)
	go func() {
		left, err := d.run(agentCtx, o)
		done <- ended{left, err}
	}()
	for {
		select {
		case e := <-done:
			return d.fellBack(o, e)
		case <-ctx.Done():
			return nil, await(done).err
		case <-reload:
			next, ok := d.plan(ctx, o)
			if !ok {
				continue
			}
			stop(agent.ErrReplaced)
			return d.replace(ctx, o, c, next, await(done))
		}
	}
}

// await waits for the agent to stop. One that hangs is left to the kernel.
func await(done <-chan ended) ended {
	select {
	case e := <-done:
		return e
	case <-time.After(stopLimit):
		return ended{err: fmt.Errorf("the agent did not stop within %s", stopLimit)}
	}
}
