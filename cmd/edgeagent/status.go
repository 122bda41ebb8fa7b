package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/control"
	"edgeagent/internal/status"
)

// newStatusCommand works for every user and without a daemon: it is what people
// try first.
func newStatusCommand() *cobra.Command {
	var o clientOptions
	var watching bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the path on one screen: what is broken, and what to do",
		Long: "Show the path on one screen: the first stage that is not ok is the cause, and\n" +
			"what stands behind Next: mends it. More: names the section of reasons.md that\n" +
			"explains it.\n\n" +
			"In Japanese if LC_ALL, LC_MESSAGES or LANG begins with ja, and charset and\n" +
			"terminal can show it; else in English, which is ASCII. --json is always English.",
		Args: arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			ask := func(ctx context.Context) (status.Snapshot, error) { return askStatus(ctx, o.client()) }
			out := newScreen(cmd.OutOrStdout(), o.json)
			if watching {
				out.hour = &hour{ask: o.client().History}
				return watch(cmd.Context(), ask, out)
			}
			s, err := ask(cmd.Context())
			if err != nil {
				return err
			}
			if err := out.show(s); err != nil {
				return err
			}
			return verdict(s)
		}),
	}
	o.addJSONTo(cmd)
	cmd.Flags().BoolVar(&watching, "watch", false, "redraw each second until interrupted")
	return cmd
}

// askStatus returns what the daemon says, or a snapshot that says why it says
// nothing.
func askStatus(ctx context.Context, c *control.Client) (status.Snapshot, error) {
	s, err := c.Status(ctx)
	var unreachable *control.UnreachableError
	if errors.As(err, &unreachable) {
		return withoutDaemon(unreachable, time.Now()), nil
	}
	s.Warnings = append(s.Warnings, clockWarning(clock.Synchronised())...)
	return s, explain(err)
}

// clockWarning warns of a clock that no time server has confirmed. The daemon's
// sandbox keeps it from asking the kernel; every user may.
func clockWarning(yes, known bool) []status.Warning {
	if yes || !known {
		return nil
	}
	return []status.Warning{status.NewWarning(status.WarnClock, "")}
}

// withoutDaemon has no Since: nobody knows since when it is so.
func withoutDaemon(err *control.UnreachableError, now time.Time) status.Snapshot {
	reason := daemonReason(err.Cause)
	return status.Snapshot{
		Schema: status.Schema, Version: programVersion(), Device: deviceName(), State: status.Down, Now: now,
		FixFirst: &status.Finding{
			Stage: stageDaemon, Reason: reason, Title: status.Title(stageDaemon, reason), Detail: err.Error(), Hint: status.Hint(stageDaemon, reason),
		},
		Stages: []status.Condition{},
	}
}

// deviceName is the thing's name where the daemon cannot tell it.
func deviceName() string {
	if c, err := config.Read(config.DefaultFile); err == nil {
		return c.Device.Thing
	}
	return hostName()
}

// hostName is the name of a device that has no other.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "this device"
	}
	return name
}

// silent reports whether the daemon itself has nothing to say.
func silent(s status.Snapshot) bool { return s.FixFirst != nil && s.FixFirst.Stage == stageDaemon }

// verdict is the exit status that a snapshot stands for.
func verdict(s status.Snapshot) error {
	switch {
	case silent(s):
		return &exitError{status: exitUnreachable}
	case s.State != status.OK:
		return &exitError{status: exitNotOK}
	}
	return nil
}
