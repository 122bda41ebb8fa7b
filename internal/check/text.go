package check

import (
	"fmt"
	"strings"

	"edgeagent/internal/status"
)

// Columns of the report: two spaces, the state, the id, the finding.
const (
	width         = 80
	stateColumn   = 2
	idColumn      = 8
	findingColumn = 26
)

// Text renders r for people: a verdict, a line a check, below a fault what to
// do. ASCII only, so that a serial console shows it too.
func (r Report) Text() string { return r.TextIn(status.English) }

// TextIn is Text in a language. Of what is not ok the title goes before the
// finding where the ids are in a language that is not the reader's.
func (r Report) TextIn(code status.Language) string {
	l := speaking(code)
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.Device, r.verdict(l))
	for _, c := range r.Checks {
		word := l.word(c.State)
		word += strings.Repeat(" ", max(1, idColumn-stateColumn-status.Width(word)))
		head := fmt.Sprintf("%*s%s%-*s", stateColumn, "", word, findingColumn-idColumn, c.ID)
		finding, fix := c.said(l)
		for i, line := range strings.Split(finding, "\n") {
			if i > 0 {
				head = strings.Repeat(" ", findingColumn)
			}
			b.WriteString(status.Wrap(head, findingColumn, broken(line, width-findingColumn), width))
		}
		if fix != "" {
			action, commands, _ := strings.Cut(fix, "\n")
			label := strings.Repeat(" ", findingColumn) + l.fix
			b.WriteString(status.Wrap(label, status.Width(label), broken(action, width-status.Width(label)), width))
			for command := range strings.Lines(commands) {
				b.WriteString("  " + strings.TrimSpace(command) + "\n") // whole, to be copied
			}
		}
	}
	return b.String()
}

// broken returns text with no word over a number of columns: names of AWS and
// paths are broken behind one of their dots, slashes and dashes, as late as it goes.
func broken(text string, columns int) string {
	words := strings.Split(text, " ")
	for i, w := range words {
		var parts []string
		for status.Width(w) > columns && len(w) == status.Width(w) { // ASCII: others break anywhere
			at := strings.LastIndexAny(w[:columns], "./-:") + 1
			if at == 0 {
				at = columns
			}
			parts, w = append(parts, w[:at]), w[at:]
		}
		words[i] = strings.Join(append(parts, w), " ")
	}
	return strings.Join(words, " ")
}

// said is the finding and the fix in a language; English, if nothing else is
// known of them.
func (c Result) said(l *language) (finding, fix string) {
	finding, fix = c.Finding, c.Fix
	if c.finding != nil {
		finding = c.finding.in(l)
	}
	if c.fix != nil {
		fix = c.fix.in(l)
	}
	if l.code != status.English && c.State.severity() > 0 {
		finding = l.titles[c.ID] + ": " + finding
	}
	return finding, fix
}

// verdict counts what is wrong and names the first of it.
func (r Report) verdict(l *language) string {
	count := map[State]int{}
	first := ""
	for _, c := range r.Checks {
		count[c.State]++
		if first == "" && c.State == r.State && r.State != OK {
			first = c.ID
		}
	}
	switch r.State {
	case Error:
		return fmt.Sprintf(l.verdictErrors, l.errors.of(count[Error]), l.warnings.of(count[Warning]), first)
	case Warning:
		return fmt.Sprintf(l.verdictWarnings, l.warnings.of(count[Warning]))
	}
	return l.verdictOK
}
