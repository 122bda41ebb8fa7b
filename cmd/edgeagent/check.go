package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"edgeagent/internal/check"
	"edgeagent/internal/status"
)

// newCheckCommand diagnoses from scratch, whether or not the daemon runs.
func newCheckCommand() *cobra.Command {
	var o clientOptions
	options := check.Options{Version: programVersion(), Build: buildTime()}
	var strict bool
	cmd := &cobra.Command{
		Use:   "check [ID ...]",
		Short: "Diagnose from scratch, from the configuration to the tunnels",
		Long: "Diagnose from scratch, beside the daemon or without it. Changes nothing, and\n" +
			"takes at most 15 s: what there was no time for is skipped and says so. Without\n" +
			"ID all checks are made; an ID selects one, or all of its kind. Begin with the\n" +
			"first error.\n\n" +
			"Findings and fixes are in Japanese where LC_ALL, LC_MESSAGES or LANG begins with\n" +
			"ja and the charset is UTF-8; --json is always in English.\n\n" +
			strings.TrimSpace(status.Wrap("IDs: ", len("IDs: "), strings.Join(check.IDs(), ", "), 80)),
		Args:      cobra.ArbitraryArgs,
		ValidArgs: check.IDs(),
		RunE: action(func(cmd *cobra.Command, ids []string) error {
			var err error
			options.RuntimeDir = filepath.Dir(clientSocket(o.runtimeDir))
			if options.StateDir, err = daemonDir("", envStateDir, defaultStateDir); err != nil {
				return err
			}
			options.Daemon = func(ctx context.Context) (status.Snapshot, error) { return o.client().Status(ctx) }
			report, err := check.Run(cmd.Context(), options, ids...)
			if err != nil {
				return misuse(cmd, "%w", err)
			}
			if o.json {
				err = printJSON(cmd.OutOrStdout(), report)
			} else {
				_, err = fmt.Fprint(cmd.OutOrStdout(), report.TextIn(newScreen(cmd.OutOrStdout(), o.json).options.Language))
			}
			if err != nil {
				return err
			}
			return checkStatus(report.State, strict)
		}),
	}
	o.addJSONTo(cmd)
	addConfigFlag(cmd, &options.ConfigFile)
	cmd.Flags().BoolVar(&strict, "warnings-as-errors", false, "exit with status 1 for warnings, too")
	return cmd
}

// checkStatus is the exit status of a report.
func checkStatus(worst check.State, strict bool) error {
	if worst == check.Error || strict && worst == check.Warning {
		return &exitError{status: exitNotOK}
	}
	return nil
}
