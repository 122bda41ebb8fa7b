// Package manual writes the manual pages from what the program itself knows: its
// commands, and the keys of its configuration with the comments of the shipped
// file. So the pages cannot tell of another version.
package manual

import (
	"fmt"
	"io"
	"strings"
)

// quote makes text that roff(7) shows as it is: no escapes, hyphens that can be
// copied, and no line that is taken for a request.
func quote(text string) string {
	text = strings.NewReplacer(`\`, `\e`, `-`, `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		return `\&` + text
	}
	return text
}

// argument quotes text as one argument of a request.
func argument(text string) string {
	return `"` + strings.ReplaceAll(quote(text), `"`, `\(dq`) + `"`
}

// prose writes paragraphs that are separated by empty lines. Indented ones are
// examples and tables, whose lines stay as they are.
func prose(w io.Writer, text string) {
	for i, paragraph := range strings.Split(strings.Trim(text, "\n"), "\n\n") {
		if i > 0 {
			fmt.Fprintln(w, ".PP")
		}
		lines := strings.Split(paragraph, "\n")
		for len(lines) > 0 && !strings.HasPrefix(lines[0], " ") {
			fmt.Fprintln(w, quote(lines[0]))
			lines = lines[1:]
		}
		if len(lines) > 0 {
			example(w, lines)
		}
	}
}

// example writes lines as they are.
func example(w io.Writer, lines []string) {
	fmt.Fprintln(w, ".nf")
	for _, line := range lines {
		fmt.Fprintln(w, quote(line))
	}
	fmt.Fprintln(w, ".fi")
}
