package bench

import (
	"cmp"
	"fmt"
	"strings"
)

// figure is one measured number and what was asked of it.
type figure struct {
	name     string
	asked    string // "" if nothing was
	measured string
	red      bool
	why      string // it is red
}

// Words of a verdict. The page's summary is made of the lines that have one.
const (
	verdictOK  = "ok"
	verdictRed = "**red**"
	unasked    = "–"

	unexplained = "the reason is not known yet"
)

// atMost judges a figure by its value, in the unit of the format.
func atMost(name string, value, limit float64, format, why string) figure {
	return figure{
		name: name, asked: "at most " + fmt.Sprintf(format, limit),
		measured: fmt.Sprintf(format, value), red: !(value <= limit), why: why,
	}
}

// atLeast is atMost the other way round.
func atLeast(name string, value, limit float64, format, why string) figure {
	return figure{
		name: name, asked: "at least " + fmt.Sprintf(format, limit),
		measured: fmt.Sprintf(format, value), red: !(value >= limit), why: why,
	}
}

// shown is a figure of which nothing was asked.
func shown(name, format string, args ...any) figure {
	return figure{name: name, measured: fmt.Sprintf(format, args...)}
}

// verdict is the last column of the figure's line.
func (f figure) verdict() string {
	switch {
	case f.asked == "":
		return ""
	case f.red:
		return verdictRed + ": " + cmp.Or(f.why, unexplained)
	}
	return verdictOK
}

// String is the figure for people who watch it being measured.
func (f figure) String() string {
	s := f.name + ": " + f.measured
	if f.asked != "" {
		s += " (asked: " + f.asked + "; " + f.verdict() + ")"
	}
	return s
}

// line is the figure as a row of a table.
func (f figure) line() string {
	return fmt.Sprintf("| %s | %s | %s | %s |", cell(f.name), cell(cmp.Or(f.asked, unasked)), cell(f.measured), cell(f.verdict()))
}

// cell keeps a text within its cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}

// table is a Markdown table; the first row is its head.
func table(rows [][]string) string {
	var b strings.Builder
	for i, row := range rows {
		b.WriteString("|")
		for _, text := range row {
			b.WriteString(" " + cell(text) + " |")
		}
		b.WriteString("\n")
		if i == 0 {
			b.WriteString("|" + strings.Repeat("---|", len(row)) + "\n")
		}
	}
	return b.String()
}
