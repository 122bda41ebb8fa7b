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
func (r Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", r.Device, r.verdict())
	for _, c := range r.Checks {
		head := fmt.Sprintf("%*s%-*s%-*s", stateColumn, "", idColumn-stateColumn, c.State.word(), findingColumn-idColumn, c.ID)
		for i, line := range strings.Split(c.Finding, "\n") {
			if i > 0 {
				head = strings.Repeat(" ", findingColumn)
			}
			b.WriteString(status.Wrap(head, findingColumn, line, width))
		}
		if c.Fix != "" {
			b.WriteString(status.Wrap(strings.Repeat(" ", findingColumn)+"Fix: ", findingColumn+5, c.Fix, width))
		}
	}
	return b.String()
}

// verdict counts what is wrong and names the first of it.
func (r Report) verdict() string {
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
		return fmt.Sprintf("%s, %s: begin with %s", plural(count[Error], "error"), plural(count[Warning], "warning"), first)
	case Warning:
		return plural(count[Warning], "warning") + ", no error"
	}
	return "no fault found"
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (s State) word() string {
	switch s {
	case Warning:
		return "warn"
	case Error:
		return "ERROR"
	case Skipped:
		return "skip"
	}
	return string(s)
}
