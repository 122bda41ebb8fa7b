package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/phrase"
	"edgeagent/internal/status"
)

func newConfigCommand() *cobra.Command {
	return group(&cobra.Command{Use: "config", Short: "Check or show the configuration"},
		newConfigCheckCommand(), newConfigShowCommand())
}

// newConfigCheckCommand looks as the daemon does when it starts: root as the user
// that the service runs as.
func newConfigCheckCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check [FILE]",
		Short: "Check the configuration and its files, and list every fault",
		Args:  arguments(0, 1, "FILE"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			file := configFile(args)
			report := config.Examine(file, config.Reader())
			out := cmd.ErrOrStderr()
			said := inLanguage(newScreen(out, false).options.Language)
			printFaults(out, report.Faults, "", said)
			printFaults(out, report.Warnings, "warning: ", said)
			if report.Err() != nil {
				return &exitError{status: exitUsage}
			}
			_, err := fmt.Fprintln(cmd.OutOrStdout(), file+": ok")
			return err
		}),
	}
}

// printFaults prints each fault on a line that begins with its file and line, so
// that an editor can jump there, and below it what to type.
func printFaults(w io.Writer, faults config.Errors, what string, said func(string) string) {
	for _, f := range faults {
		fmt.Fprintln(w, f.Place()+": "+said(what+f.About()))
		for _, command := range f.Commands {
			fmt.Fprintln(w, "    "+command)
		}
	}
}

// inLanguage returns what puts English into a language, as far as it is known.
func inLanguage(l status.Language) func(string) string {
	if l == status.Japanese {
		return phrase.Japanese
	}
	return func(text string) string { return text }
}

// newConfigShowCommand also works where the certificates are not: in the office.
func newConfigShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [FILE]",
		Short: "Print the configuration with every default; of secrets the paths",
		Args:  arguments(0, 1, "FILE"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			c, err := config.Read(configFile(args))
			if err != nil {
				return &exitError{exitUsage, err}
			}
			text, err := c.YAML()
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}),
	}
}

// configFile is the file given, or the packaged one.
func configFile(args []string) string {
	if len(args) == 0 {
		return config.DefaultFile
	}
	return args[0]
}
