package check

import (
	"fmt"

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
	titles                                    map[string]string   // of checks, by id
	texts                                     map[string]string   // of findings and fixes: formats
	others                                    func(string) string // what others say in English
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
