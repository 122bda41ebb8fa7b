package status

import (
	"fmt"
	"strings"
	"time"
)

// TextOptions says what the reader's screen can do, and what the reader reads.
type TextOptions struct {
	Color    bool // ANSI colours for the state words
	ASCII    bool // anything else, in names and in what others said, becomes ?
	Width    int  // columns; 0 is 80
	Language Language
}

// Columns of the screen: two spaces, the stage, its state, its detail.
const (
	defaultWidth = 80
	minWidth     = 40
	stageColumn  = 2
	stateColumn  = 12
	detailColumn = 18
)

func (o TextOptions) width() int {
	if o.Width == 0 {
		return defaultWidth
	}
	return max(o.Width, minWidth)
}

// Text renders s for people: a verdict, the chain top-down, the next action and
// where the reason is explained, then what will bite. In English ASCII only, so
// that a serial console shows it too, but for names and others' words in details.
func Text(s Snapshot, o TextOptions) string {
	o.Width = o.width()
	c := o.Language.catalogue()
	var b strings.Builder
	b.WriteString(c.verdict(s, o))
	for _, stage := range s.Stages {
		b.WriteString(c.line(stage, s.Now, o))
		for _, note := range c.notes(stage) {
			b.WriteString(Wrap(strings.Repeat(" ", detailColumn), detailColumn+2, note, o.Width))
		}
	}
	if s.FixFirst != nil {
		b.WriteString(c.advice(s.FixFirst, o))
	}
	for _, w := range s.worth() {
		b.WriteString(c.labelled(c.words.Note, c.note(w), o))
	}
	if o.ASCII {
		return ascii(b.String())
	}
	return b.String()
}

// ascii replaces each character that a line without UTF-8 would show as several.
func ascii(text string) string {
	return strings.Map(func(r rune) rune {
		if r > '~' {
			return '?'
		}
		return r
	}, text)
}

// labelled is text after a label, to which further lines are aligned.
func (c *catalogue) labelled(label, text string, o TextOptions) string {
	return Wrap(label, Width(label), text, o.Width)
}

// warning returns text and hint of w in the catalogue's language, as far as they
// are known there: a daemon of another version may word them otherwise.
func (c *catalogue) warning(w Warning) (text, hint string) {
	known := english.warnings[w.ID]
	text, hint = w.Text, w.Hint
	if text == known.title {
		text = c.warnings[w.ID].title
	}
	if hint == known.hint {
		hint = c.warnings[w.ID].hint
	}
	return text, hint
}

// note is a warning in one line: what, how much, and what to do.
func (c *catalogue) note(w Warning) string {
	text, hint := c.warning(w)
	if w.Detail != "" {
		text += " (" + c.others(w.Detail) + ")"
	}
	return text + ": " + hint
}

// advice is what to do about the root cause, and where to read more.
func (c *catalogue) advice(f *Finding, o TextOptions) string {
	var b strings.Builder
	if f.Hint != "" {
		b.WriteString(c.labelled(c.words.Next, c.hint(f), o))
	}
	for _, command := range f.Commands {
		b.WriteString("  " + command + "\n") // whole, to be copied
	}
	b.WriteString(c.words.More + ReasonsFile + "#" + Anchor(f.Stage, f.Reason) + "\n")
	return b.String()
}

// Found is the line that tells what was found in place of a daemon.
func Found(detail string, o TextOptions) string {
	o.Width = o.width()
	c := o.Language.catalogue()
	return c.labelled(c.words.Found, c.others(detail), o)
}

// verdict is the first line: the device, its state, and the root cause.
func (c *catalogue) verdict(s Snapshot, o TextOptions) string {
	word := c.words.whole(s.State)
	head := s.Device + "  "
	f := s.FixFirst
	if f == nil {
		about := fmt.Sprintf(c.words.About, s.Version, c.age(s.Now.Sub(s.Started)))
		return paint(justify(head+word, about, o.Width), len(head), word, s.State, o)
	}
	if f.Reason == ReasonNotConfigured {
		word = c.words.NotConfigured
	}
	title := c.title(s, f)
	text := fmt.Sprintf(c.words.VerdictFor, word, c.age(s.Now.Sub(s.Since)), title)
	if s.Since.IsZero() {
		text = fmt.Sprintf(c.words.Verdict, word, title)
	}
	return paint(Wrap(head, 2, text, o.Width), len(head), word, s.State, o)
}

// line renders one stage: its state, its detail, and at the right margin how
// long it has been so.
func (c *catalogue) line(d Condition, now time.Time, o TextOptions) string {
	word := c.words.stage(d.State)
	lead := pad(strings.Repeat(" ", stageColumn)+d.Stage, stateColumn)
	head := lead + pad(word, detailColumn-stateColumn)
	if d.State == Waiting {
		return paint(Wrap(head, detailColumn, c.detail(d), o.Width), len(lead), word, d.State, o)
	}
	age := c.age(now.Sub(d.Since))
	first, rest, _ := strings.Cut(Wrap(head, detailColumn, c.detail(d), o.Width-Width(age)-2), "\n")
	return paint(justify(first, age, o.Width), len(lead), word, d.State, o) + rest
}

// notes are a stage's in the catalogue's language.
func (c *catalogue) notes(d Condition) (said []string) {
	for _, note := range d.Notes {
		said = append(said, c.others(note))
	}
	return said
}

// justify puts right at the right margin, two spaces or more after left.
func justify(left, right string, width int) string {
	return left + strings.Repeat(" ", max(2, width-Width(left)-Width(right))) + right + "\n"
}

// paint colours word, which starts at byte at: green, yellow or red.
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

// RoundTrip renders one: "41 ms", "under 1 ms".
func RoundTrip(d time.Duration) string {
	if d < time.Millisecond {
		return "under 1 ms"
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// Age renders a duration in the two largest units that matter: "3 d 4 h",
// "12 min", "8 s".
func Age(d time.Duration) string { return english.age(d) }

func (c *catalogue) age(d time.Duration) string {
	w := &c.words
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf(w.Seconds, d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf(w.Minutes, d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf(w.Hours, d/time.Hour, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf(w.Days, d/(24*time.Hour), d%(24*time.Hour)/time.Hour)
}
