package status

import (
	"fmt"
	"strings"
	"time"
)

// TextOptions says what the reader's screen can do.
type TextOptions struct {
	Color bool // ANSI colours for the state words
	Width int  // columns; 0 is 80
}

// Columns of the screen: two spaces, the stage, its state, its detail.
const (
	defaultWidth = 80
	minWidth     = 40
	stageColumn  = 2
	stateColumn  = 12
	detailColumn = 18
)

// Text renders s for people: a verdict, the chain top-down, the next action.
// ASCII only, so that a serial console shows it too.
func Text(s Snapshot, o TextOptions) string {
	if o.Width == 0 {
		o.Width = defaultWidth
	}
	o.Width = max(o.Width, minWidth)
	var b strings.Builder
	b.WriteString(verdict(s, o))
	for _, c := range s.Stages {
		b.WriteString(line(c, s.Now, o))
		for _, note := range c.Notes {
			b.WriteString(Wrap(strings.Repeat(" ", detailColumn), detailColumn+2, note, o.Width))
		}
	}
	if s.Warning != "" {
		b.WriteString(Wrap("Note: ", 6, s.Warning, o.Width))
	}
	if f := s.FixFirst; f != nil && f.Hint != "" {
		b.WriteString(Wrap("Next: ", 6, f.Hint, o.Width))
		for _, command := range f.Commands {
			b.WriteString("  " + command + "\n") // whole, to be copied
		}
	}
	return b.String()
}

// verdict is the first line: the device, its state, and the root cause.
func verdict(s Snapshot, o TextOptions) string {
	word := strings.ToUpper(string(s.State))
	head := s.Device + "  "
	if f := s.FixFirst; f != nil {
		if f.Reason == ReasonNotConfigured {
			word = "NOT CONFIGURED"
		}
		text := fmt.Sprintf("%s for %s: %s", word, Age(s.Now.Sub(s.Since)), Title(f.Stage, f.Reason))
		if s.Since.IsZero() {
			text = fmt.Sprintf("%s: %s", word, Title(f.Stage, f.Reason))
		}
		return paint(Wrap(head, 2, text, o.Width), len(head), word, s.State, o)
	}
	about := fmt.Sprintf("edgeagent %s, up %s", s.Version, Age(s.Now.Sub(s.Started)))
	return paint(justify(head+word, about, o.Width), len(head), word, s.State, o)
}

// line renders one stage: its state, its detail, and at the right margin how
// long it has been so.
func line(c Condition, now time.Time, o TextOptions) string {
	word := stateWord(c.State)
	head := fmt.Sprintf("%*s%-*s%-*s", stageColumn, "", stateColumn-stageColumn, c.Stage,
		detailColumn-stateColumn, word)
	if c.State == Waiting {
		return paint(Wrap(head, detailColumn, c.Detail, o.Width), stateColumn, word, c.State, o)
	}
	age := Age(now.Sub(c.Since))
	first, rest, _ := strings.Cut(Wrap(head, detailColumn, c.Detail, o.Width-len(age)-2), "\n")
	return paint(justify(first, age, o.Width), stateColumn, word, c.State, o) + rest
}

func stateWord(s State) string {
	switch s {
	case Waiting:
		return "wait"
	case Starting:
		return "start"
	case Degraded:
		return "warn"
	case Down:
		return "DOWN"
	}
	return string(s)
}

// justify puts right at the right margin, two spaces or more after left.
func justify(left, right string, width int) string {
	return left + strings.Repeat(" ", max(2, width-len(left)-len(right))) + right + "\n"
}

// Wrap writes text after head, further lines indented, no line over width
// unless a single word is.
func Wrap(head string, indent int, text string, width int) string {
	var b strings.Builder
	b.WriteString(head)
	column, first := len(head), true
	for word := range strings.FieldsSeq(text) {
		switch {
		case first:
			first = false
		case column+1+len(word) > width:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			column = indent
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(word)
		column += len(word)
	}
	return strings.TrimRight(b.String(), " ") + "\n"
}

// paint colours word, which starts at column at: green, yellow or red.
func paint(line string, at int, word string, s State, o TextOptions) string {
	if !o.Color || !strings.HasPrefix(line[at:], word) {
		return line
	}
	code := "31"
	switch s {
	case OK:
		code = "32"
	case Waiting:
		code = "2"
	case Starting, Degraded:
		code = "33"
	}
	return line[:at] + "\x1b[" + code + "m" + word + "\x1b[0m" + line[at+len(word):]
}

// Age renders a duration in the two largest units that matter: "3 d 4 h",
// "12 min", "8 s".
func Age(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d d %d h", d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
