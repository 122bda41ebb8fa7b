package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Pauses of the wait for a configuration.
const (
	// settle is how long nothing may change before the files are looked at: an
	// editor writes in several steps, and a half-written file is no news.
	settle = 500 * time.Millisecond
	// lookAgain is for what no event tells of: network file systems, and clocks
	// that came right.
	lookAgain = time.Minute
)

// addWaitFlag adds --wait-for-config.
func addWaitFlag(cmd *cobra.Command, wait *bool) {
	cmd.Flags().BoolVar(wait, "wait-for-config", false,
		"with a configuration that is missing, not filled in or faulty: wait for a good one instead of ending")
}

// standby is what people see while there is no configuration to run with, and
// what tells of a change.
type standby interface {
	Show(status.Update)
	// Watch names the files of interest, besides those before.
	Watch(files []string)
	// Changes receives at least once after a change of such a file.
	Changes() <-chan struct{}
	Stop()
}

// standbyFunc is agent.StartStandby.
type standbyFunc func(o agent.Options, device string, first status.Update) (standby, error)

// openStandby is the standby of a real device.
type openStandby struct {
	*agent.Standby
	*fileWatch
}

func startStandby(o agent.Options, device string, first status.Update) (standby, error) {
	s, err := agent.StartStandby(o, device, first)
	if err != nil {
		return nil, err
	}
	return openStandby{s, watchFiles(o.Log)}, nil
}

// Stop implements standby.
func (s openStandby) Stop() {
	s.fileWatch.Close()
	s.Standby.Stop()
}

// firstConfig returns the configuration to begin with, or nil when ctx ends
// before there is one.
func (d *daemon) firstConfig(ctx context.Context, reload <-chan os.Signal) (*config.Config, error) {
	report := config.Examine(d.options.ConfigFile, config.Self())
	if err := report.Err(); err != nil && !d.wait {
		return nil, &exitError{exitUsage, err}
	} else if err != nil {
		return d.waitForConfig(ctx, report, reload)
	}
	logWarnings(d.newLog(report.Config.Log), report.Warnings)
	return &report.Config, nil
}

// load reads the configuration anew. Its warnings are logged.
func (d *daemon) load(log *slog.Logger) (config.Config, error) {
	report := config.Examine(d.options.ConfigFile, config.Self())
	if err := report.Err(); err != nil {
		return config.Config{}, err
	}
	logWarnings(log, report.Warnings)
	return report.Config, nil
}

// waitForConfig shows what is wrong until nothing is, and then returns the
// configuration; nil when ctx ends before.
func (d *daemon) waitForConfig(ctx context.Context, report config.Report, reload <-chan os.Signal) (*config.Config, error) {
	o := d.options
	o.Log = d.newLog(config.Default().Log)
	shown, err := d.standBy(o, waitingDevice(report.Config), whatIsWrong(o.ConfigFile, report.Faults))
	if err != nil {
		return nil, err
	}
	defer shown.Stop()
	w := waiter{standby: shown, file: o.ConfigFile, log: o.Log, outdated: d.image.replaced}
	return w.wait(ctx, report, reload)
}

// waitingDevice is the name of a device whose configuration cannot be used.
func waitingDevice(c config.Config) string {
	if c.Device.Thing != "" {
		return c.Device.Thing
	}
	return hostName()
}

// waiter waits for a configuration without faults.
type waiter struct {
	standby
	file string
	log  *slog.Logger
	said string // the faults that were logged last
	// outdated reports whether this program's file is another one by now.
	outdated func() (bool, error)
}

func (w *waiter) wait(ctx context.Context, report config.Report, reload <-chan os.Signal) (*config.Config, error) {
	for {
		// Watched before the next look, or a change in between would be missed.
		w.Watch(report.Files)
		w.say(ctx, report.Faults)
		if !w.pause(ctx, reload) || w.leaves() {
			return nil, nil
		}
		report = config.Examine(w.file, config.Self())
		if report.Err() == nil {
			w.log.Info("the configuration is complete, starting", "file", w.file)
			logWarnings(w.log, report.Warnings)
			return &report.Config, nil
		}
		w.Show(whatIsWrong(w.file, report.Faults))
	}
}

// pause returns when it is time to look again: at once on SIGHUP, and after a
// change once nothing has changed for a moment. It is false when ctx has ended.
func (w *waiter) pause(ctx context.Context, reload <-chan os.Signal) bool {
	timer := time.NewTimer(lookAgain)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-reload:
			return true
		case <-w.Changes():
			timer.Reset(settle)
		case <-timer.C:
			return true
		}
	}
}

// leaves reports whether the daemon is to end for an upgraded program. There is
// nothing to hand over: systemd starts the new one (Restart=always).
func (w *waiter) leaves() bool {
	again, err := w.outdated()
	if err != nil || !again {
		return false
	}
	w.log.Info("the program was replaced: ending, so that the new one is started")
	return true
}

// say logs the faults if they are others than before.
func (w *waiter) say(ctx context.Context, faults config.Errors) {
	if faults.Error() == w.said {
		return
	}
	w.said = faults.Error()
	level := slog.LevelWarn
	if faults.Incomplete() {
		level = slog.LevelInfo // as it is after the package was installed
	}
	w.log.Log(ctx, level, "no configuration to run with, waiting for one", "file", w.file, "faults", len(faults))
	for _, f := range faults {
		w.log.Log(ctx, level, f.Error())
	}
}

// logWarnings logs what is wrong with a configuration that is taken all the same.
func logWarnings(log *slog.Logger, warnings config.Errors) {
	for _, f := range warnings {
		log.Warn(f.Error())
	}
}

// logFaults logs each fault of a configuration that is not taken.
func logFaults(log *slog.Logger, err error) {
	var faults config.Errors
	if !errors.As(err, &faults) {
		log.Error("configuration refused, the old one stays", "err", err)
		return
	}
	log.Error("configuration refused, the old one stays", "faults", len(faults))
	for _, f := range faults {
		log.Error(f.Error())
	}
}
