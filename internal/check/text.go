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

// TextIn is Text in a language: the verdict, the states and, of what is not ok,
// the titles.
func (r Report) TextIn(in status.Language) string {
	l := languages[in]
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.Device, r.verdict(&l))
	for _, c := range r.Checks {
		word := l.word(c.State)
		word += strings.Repeat(" ", max(1, idColumn-stateColumn-status.Width(word)))
		head := fmt.Sprintf("%*s%s%-*s", stateColumn, "", word, findingColumn-idColumn, c.ID)
		for i, line := range strings.Split(l.finding(c), "\n") {
			if i > 0 {
				head = strings.Repeat(" ", findingColumn)
			}
			b.WriteString(status.Wrap(head, findingColumn, line, width))
		}
		if c.Fix != "" {
			label := strings.Repeat(" ", findingColumn) + l.fix
			b.WriteString(status.Wrap(label, status.Width(label), c.Fix, width))
		}
	}
	return b.String()
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
	return l.verdict(r.State, count[Error], count[Warning], first)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
