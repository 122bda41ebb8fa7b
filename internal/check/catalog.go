package check

import (
	"cmp"
	"fmt"
	"strings"

	"edgeagent/internal/status"
)

// language is all that a report says in one language.
type language struct {
	code                        status.Language
	ok, warning, fault, skipped string            // states, at most 5 columns
	fix                         string            // begins the line below a fault
	between                     map[string]string // punctuation that English writes otherwise
	errors, warnings            number
	// The verdicts: errors, warnings, the first check to mend; warnings; none.
	verdictErrors, verdictWarnings, verdictOK string
	titles                                    map[string]string // of checks, by id
	texts                                     map[string]string // of findings and fixes: formats
	phrases                                   []phrase          // of what others say in English
}

// number counts things: a text for one of them, a format for any other number.
type number struct{ one, many string }

func (n number) of(count int) string {
	if count == 1 {
		return n.one
	}
	return fmt.Sprintf(n.many, count)
}

// speaking returns the catalogue of a language.
func speaking(code status.Language) *language {
	if code == status.Japanese {
		return japanese()
	}
	return english()
}

// word is the state in a column.
func (l *language) word(s State) string {
	switch s {
	case OK:
		return l.ok
	case Warning:
		return l.warning
	case Error:
		return l.fault
	}
	return l.skipped
}

// translate says in l what others say in English, line by line and clause by
// clause. What is not known stays as it is: half a translation helps more than
// none, and the English can be searched for.
func (l *language) translate(text string) string {
	if len(l.phrases) == 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		clauses := strings.Split(line, "; ")
		for j, c := range clauses {
			clauses[j] = l.clause(c)
		}
		lines[i] = strings.Join(clauses, cmp.Or(l.between["; "], "; "))
	}
	return strings.Join(lines, "\n")
}

// clause translates one clause, or what follows its first colon that begins
// something known: before it are a file, a line, a key, a link's name.
func (l *language) clause(text string) string {
	if said, ok := l.phrase(text); ok {
		return said
	}
	for at := 0; ; {
		i := strings.Index(text[at:], ": ")
		if i < 0 {
			return text
		}
		at += i + len(": ")
		if said, ok := l.phrase(text[at:]); ok {
			return text[:at] + said
		}
	}
}

// phrase translates a known sentence, and what was put into it where that is one
// itself: an error at its end, most often.
func (l *language) phrase(text string) (string, bool) {
	for _, p := range l.phrases {
		captured, ok := p.match(text)
		if !ok {
			continue
		}
		for i, c := range captured {
			if said, ok := l.phrase(c); ok {
				captured[i] = said
			}
		}
		return p.fill(captured), true
	}
	return "", false
}
