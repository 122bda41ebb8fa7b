package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/manual"
)

// newManualCommand is for the package's build: the commands are known here alone.
func newManualCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "manual SOURCE TARGET",
		Short:  "Write the manual pages and completions of the source tree SOURCE into the directory TARGET",
		Hidden: true,
		Args:   arguments(2, 2, "SOURCE or TARGET"),
		RunE: action(func(cmd *cobra.Command, args []string) error {
			pages, err := manualPages(cmd.Root(), args[0])
			if err != nil {
				return err
			}
			for name, content := range pages {
				if err := os.WriteFile(filepath.Join(args[1], name), content, 0o644); err != nil {
					return fmt.Errorf("writing the manual: %w", err)
				}
			}
			return nil
		}),
	}
}

// manualPages returns the files by their names.
func manualPages(root *cobra.Command, source string) (map[string][]byte, error) {
	read := map[string][]byte{"docs/man/edgeagent.8.in": nil, "docs/man/edgeagent.yaml.5.in": nil, "configs/edgeagent.yaml": nil}
	for name := range read {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return nil, fmt.Errorf("reading what the manual is made of: %w", err)
		}
		read[name] = data
	}
	commands, err := manual.Commands(read["docs/man/edgeagent.8.in"], root, map[string]string{"localproxy": "edgeagent-localproxy(1)"})
	if err != nil {
		return nil, fmt.Errorf("writing edgeagent(8): %w", err)
	}
	keys, err := manual.Keys(read["docs/man/edgeagent.yaml.5.in"], read["configs/edgeagent.yaml"], reflect.TypeFor[config.Config]())
	if err != nil {
		return nil, fmt.Errorf("writing edgeagent.yaml(5): %w", err)
	}
	pages := map[string][]byte{"edgeagent.8": commands, "edgeagent.yaml.5": keys}
	return pages, addCompletions(pages, root)
}

// addCompletions adds the scripts under the names that the shells look for.
func addCompletions(pages map[string][]byte, root *cobra.Command) error {
	for _, c := range []struct{ shell, file string }{
		{"bash", "edgeagent"}, {"zsh", "_edgeagent"}, {"fish", "edgeagent.fish"},
	} {
		var b bytes.Buffer
		if err := writeCompletion(&b, root, c.shell); err != nil {
			return fmt.Errorf("writing the completion of %s: %w", c.shell, err)
		}
		pages[c.file] = b.Bytes()
	}
	return nil
}
