package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

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
		Args:  arguments(0, 0, ""),
		RunE: action(func(cmd *cobra.Command, _ []string) error {
			ask := func(ctx context.Context) (status.Snapshot, error) { return askStatus(ctx, o.client()) }
			out := newScreen(cmd.OutOrStdout(), o.json)
			if watching {
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
	return s, explain(err)
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

// verdict is the exit status that a snapshot stands for.
func verdict(s status.Snapshot) error {
	switch {
	case s.FixFirst != nil && s.FixFirst.Stage == stageDaemon:
		return &exitError{status: exitUnreachable}
	case s.State != status.OK:
		return &exitError{status: exitNotOK}
	}
	return nil
}

// screen shows snapshots on a terminal or in a file.
type screen struct {
	w        io.Writer
	json     bool
	terminal bool
	options  status.TextOptions
}

// newScreen finds out what w can show.
func newScreen(w io.Writer, json bool) *screen {
	s := &screen{w: w, json: json}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.terminal = true
	// https://no-color.org: set to anything but "" means no.
	s.options.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		s.options.Width = width
	}
	return s
}

// show prints s once.
func (o *screen) show(s status.Snapshot) error {
	if o.json {
		return printJSON(o.w, s)
	}
	_, err := fmt.Fprint(o.w, o.text(s))
	return err
}

// text is what people read. Of a daemon that is not there it also says what was
// found in its place.
func (o *screen) text(s status.Snapshot) string {
	text := status.Text(s, o.options)
	if s.FixFirst != nil && s.FixFirst.Stage == stageDaemon {
		text += "Found: " + s.FixFirst.Detail + "\n"
	}
	return text
}
