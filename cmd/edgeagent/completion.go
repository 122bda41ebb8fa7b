package main

import (
	"strings"

	"github.com/spf13/cobra"
)

// newCompletionCommand replaces Cobra's own, which has a shell that no gateway
// runs and a command for each.
func newCompletionCommand() *cobra.Command {
	shells := []string{"bash", "zsh", "fish"}
	return &cobra.Command{
		Use:       "completion " + strings.Join(shells, "|"),
		Short:     "Print a completion script for a shell",
		ValidArgs: shells,
		Args:      arguments(1, 1, "the shell ("+strings.Join(shells, ", ")+")"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			root, out := cmd.Root(), cmd.OutOrStdout()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(out, true)
			case "zsh":
				return root.GenZshCompletion(out)
			case "fish":
				return root.GenFishCompletion(out, true)
			}
			return misuse(cmd, "no completion for %q; want one of %s", args[0], strings.Join(shells, ", "))
		}),
	}
}
