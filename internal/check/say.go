package check

import (
	"fmt"
	"strings"

	"edgeagent/internal/status"
)

// words are a finding or a fix, which can be said in every language.
type words interface{ in(l *language) string }

// message is a text of the catalogues with figures and names put into it. What
// is put in and is itself words is said in the same language.
type message struct {
	key  string
	args []any
}

// say returns the catalogues' text for key. Its arguments stand in the order of
// the English text; another language numbers them (%[2]s).
func say(key string, args ...any) words { return message{key, args} }

func (m message) in(l *language) string {
	args := make([]any, len(m.args))
	for i, a := range m.args {
		if w, isWords := a.(words); isWords {
			a = w.in(l)
		}
		args[i] = a
	}
	return fmt.Sprintf(l.texts[m.key], args...)
}

// list is several texts with something between them, as English writes it: "; ",
// a comma, a line's end.
type list struct {
	between string
	parts   []words
}

func (s list) in(l *language) string {
	said := make([]string, len(s.parts))
	for i, p := range s.parts {
		said[i] = p.in(l)
	}
	if between, ok := l.between[s.between]; ok {
		return strings.Join(said, between)
	}
	return strings.Join(said, s.between)
}

// join puts parts into one text, with semicolons.
func join(parts ...words) words { return list{"; ", parts} }

// plain is the same in every language: names, addresses, paths.
type plain string

func (p plain) in(*language) string { return string(p) }

// foreign is what a library or the kernel says, in English only.
type foreign string

func (f foreign) in(l *language) string { return l.others(string(f)) }

// stageSays is a finding of one of the daemon's own parts: its detail in
// English; elsewhere the reason's title goes before it.
type stageSays status.Finding

func (f stageSays) in(l *language) string {
	if l.code == status.English {
		return f.Detail
	}
	return l.finding(status.Finding(f)).Title + " (" + l.others(f.Detail) + ")"
}

// stageHint is what that part says to do.
type stageHint status.Finding

func (f stageHint) in(l *language) string { return l.finding(status.Finding(f)).Hint }

// finding is f with its title and hint in l.
func (l *language) finding(f status.Finding) status.Finding {
	return *status.Snapshot{FixFirst: &f}.In(l.code).FixFirst
}
