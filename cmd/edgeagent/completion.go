package main

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// shells are those that a gateway's people use.
func shells() []string { return []string{"bash", "zsh", "fish"} }

// newCompletionCommand replaces Cobra's own, which has a shell that no gateway
// runs and a command for each.
func newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use:       "completion " + strings.Join(shells(), "|"),
		Short:     "Print a completion script for a shell",
		ValidArgs: shells(),
		Args:      arguments(1, 1, "the shell ("+strings.Join(shells(), ", ")+")"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(shells(), args[0]) {
				return misuse(cmd, "no completion for %q; want one of %s", args[0], strings.Join(shells(), ", "))
			}
			return writeCompletion(cmd.OutOrStdout(), cmd.Root(), args[0])
		}),
	}
}

// writeCompletion writes the script for one of shells.
func writeCompletion(w io.Writer, root *cobra.Command, shell string) error {
	switch shell {
	case "bash":
		return root.GenBashCompletionV2(w, true)
	case "zsh":
		return root.GenZshCompletion(w)
	}
	return root.GenFishCompletion(w, true)
}
