package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

const rootHelp = `edgeagent keeps one private path from this gateway into a VPC:

    link -> dns -> endpoint (proved private) -> broker -> tunnel

"edgeagent status" shows where it stands, and what to do if it does not.

Exit status: 0 all ok, 1 something is not ok, 2 wrong usage or configuration,
3 the daemon cannot be reached.`

// newRootCommand returns the whole command line, with a daemon that runs run.
func newRootCommand(run agentFunc) *cobra.Command {
	root := group(&cobra.Command{
		Use:   "edgeagent",
		Short: "Keep one private path from this gateway into a VPC",
		Long:  rootHelp,
		// Errors are printed by exitStatus, and a usage text would bury them.
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	},
		newRunCommand(run),
		newStatusCommand(),
		newCheckCommand(),
		newMetricsCommand(),
		newSupportBundleCommand(),
		newConfigCommand(),
		newLinkCommand(),
		newTunnelCommand(),
		newResolverCommand(),
		newRecoverCommand(),
		newLocalproxyCommand(),
		newVersionCommand(),
		newCompletionCommand(),
		newManualCommand(),
	)
	addVersionFlag(root)
	refuseUnknownHelp(root)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return misuse(cmd, "%w", err)
	})
	return root
}

// group makes cmd a command that only holds others. Cobra alone would answer a
// misspelt one with a help text and exit status 0.
func group(cmd *cobra.Command, subcommands ...*cobra.Command) *cobra.Command {
	cmd.AddCommand(subcommands...)
	cmd.Args = cobra.ArbitraryArgs
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2 // letters
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return misuse(cmd, "want one of the commands %s", strings.Join(names(cmd), ", "))
		}
		if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
			return misuse(cmd, "unknown command %q; did you mean %s?", args[0], strings.Join(near, " or "))
		}
		return misuse(cmd, "unknown command %q; want one of %s", args[0], strings.Join(names(cmd), ", "))
	}
	return cmd
}

// refuseUnknownHelp makes `help` of what is no command wrong usage. Cobra alone
// would show the whole program's help, with exit status 0.
func refuseUnknownHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil {
		return
	}
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd, rest, err := root.Find(args)
		if err != nil || len(rest) > 0 {
			return misuse(root, "no help for %q: no such command", strings.Join(args, " "))
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}

// names lists the commands that a person may type below cmd.
func names(cmd *cobra.Command) []string {
	var all []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			all = append(all, c.Name())
		}
	}
	return all
}

// misuse is an error in the command line, with the way to the right one.
func misuse(cmd *cobra.Command, format string, args ...any) error {
	err := fmt.Errorf(format, args...)
	return &exitError{exitUsage, fmt.Errorf("%w\nsee `%s --help`", err, cmd.CommandPath())}
}

// arguments accepts between least and most arguments; what names them.
func arguments(least, most int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < least:
			return misuse(cmd, "%s is missing", what)
		case len(args) > most:
			return misuse(cmd, "unexpected argument %q", args[most])
		case slices.Contains(args, ""): // a script's unset variable
			return misuse(cmd, "an argument is empty")
		}
		return nil
	}
}

// action makes a RunE of f. An error that carries no exit status of its own
// means that something is not ok; one inside it, of a program that was run, is
// not this program's.
func action(f func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := f(cmd, args)
		if err == nil {
			return nil
		}
		if _, ok := err.(*exitError); ok {
			return err
		}
		return &exitError{exitNotOK, err}
	}
}
