package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"edgeagent/internal/control"
	"edgeagent/internal/status"
)

// clientOptions are those of every command that asks the daemon.
type clientOptions struct {
	runtimeDir string
	json       bool
}

// addTo adds the way to the daemon.
func (o *clientOptions) addTo(cmd *cobra.Command) {
	addRuntimeDirFlag(cmd, &o.runtimeDir, envClientRuntimeDir)
}

// addJSONTo is addTo for a command that prints what the daemon says.
func (o *clientOptions) addJSONTo(cmd *cobra.Command) {
	o.addTo(cmd)
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON, for scripts")
}

// client returns a client of the daemon that the options name.
func (o *clientOptions) client() *control.Client {
	return control.NewClient(clientSocket(o.runtimeDir))
}

// explain adds the next action to an error of the control API, and its status.
func explain(err error) error {
	var unreachable *control.UnreachableError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &unreachable):
		hint := status.Hint(stageDaemon, daemonReason(unreachable.Cause))
		return &exitError{exitUnreachable, fmt.Errorf("%w\n%s", err, hint)}
	case errors.Is(err, control.ErrForbidden):
		return fmt.Errorf("%w\nuse sudo, or `sudo adduser $USER %s` and log in again", err, control.Group)
	}
	return err
}

// stageDaemon stands before the first stage of a path where nobody can tell how
// the path is.
const stageDaemon = "daemon"

// daemonReason is why the daemon cannot be reached, in the words of a stage.
func daemonReason(cause control.Cause) status.Reason {
	switch cause {
	case control.CausePermission:
		return status.ReasonRefused
	case control.CauseNoAnswer:
		return status.ReasonNoAnswer
	}
	return status.ReasonUnreachable
}

// printJSON prints v for scripts.
func printJSON(w io.Writer, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}

// printTable aligns rows under their heading.
func printTable(w io.Writer, rows [][]string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	return t.Flush()
}
