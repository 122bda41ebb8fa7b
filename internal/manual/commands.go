package manual

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commandsMark is the line of a page that the commands stand for.
const commandsMark = `.\" COMMANDS` + "\n"

// Commands returns page, a manual page, with its line `.\" COMMANDS` replaced by
// a subsection for each command below root. Those in elsewhere have a page of
// their own, which is named instead: {"localproxy": "edgeagent-localproxy(1)"}.
func Commands(page []byte, root *cobra.Command, elsewhere map[string]string) ([]byte, error) {
	before, after, found := bytes.Cut(page, []byte(commandsMark))
	if !found {
		return nil, fmt.Errorf("the page has no line %q", strings.TrimSpace(commandsMark))
	}
	var b bytes.Buffer
	b.Write(before)
	writeBelow(&b, root, elsewhere)
	b.Write(after)
	return b.Bytes(), nil
}

// writeBelow writes the commands below cmd that people use; one that only holds
// others has nothing to say itself.
func writeBelow(w io.Writer, cmd *cobra.Command, elsewhere map[string]string) {
	for _, c := range cmd.Commands() {
		switch {
		case !c.IsAvailableCommand():
		case c.HasAvailableSubCommands():
			writeBelow(w, c, elsewhere)
		default:
			writeCommand(w, c, elsewhere[c.Name()])
		}
	}
}

func writeCommand(w io.Writer, c *cobra.Command, page string) {
	fmt.Fprintf(w, ".SS %s\n", argument(synopsis(c)))
	if page != "" {
		prose(w, c.Short+".\nSee "+page+".")
		return
	}
	text := c.Long
	if text == "" {
		text = c.Short + "."
	}
	prose(w, text)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden && f.Name != "help" {
			writeFlag(w, f)
		}
	})
}

// synopsis is the command with its arguments; flags follow below it.
func synopsis(c *cobra.Command) string {
	_, arguments, _ := strings.Cut(c.Use, " ")
	return strings.TrimSpace(c.CommandPath() + " " + arguments)
}

func writeFlag(w io.Writer, f *pflag.Flag) {
	kind, usage := pflag.UnquoteUsage(f)
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	fmt.Fprintf(w, ".TP\n.B %s\n", argument(strings.TrimSpace(name+" "+strings.ToUpper(kind))))
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "[]" {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintln(w, quote(strings.ToUpper(usage[:1])+usage[1:]+"."))
}
