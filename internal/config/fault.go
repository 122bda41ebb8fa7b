package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Kind is a stable word for what a Fault is about.
type Kind string

// The kinds of faults, and of what is only worth a warning.
const (
	Unfilled     Kind = "unfilled"      // a value that has no default is missing
	BadValue     Kind = "bad-value"     // of the file's own text
	RetiredKey   Kind = "retired-key"   // from an older version
	MissingFile  Kind = "missing-file"  // the file itself, or one that it names
	Unreadable   Kind = "unreadable"    // by the user who has to read it
	HiddenFile   Kind = "hidden-file"   // where the service cannot see it
	NotAFile     Kind = "not-a-file"    // a directory, a pipe
	WrongContent Kind = "wrong-content" // another kind of file, or a damaged one
	NotPEM       Kind = "not-pem"       // the right thing in another form
	EncryptedKey Kind = "encrypted-key" // nobody is there to type the passphrase
	KeyMismatch  Kind = "key-mismatch"  // certificate and key are not of one pair
	NoClientCert Kind = "no-client-cert"
	Interactive  Kind = "interactive" // somebody would have to type something
	Exposed      Kind = "exposed"     // a secret that every user of the device can read
	Changeable   Kind = "changeable"  // by users who should not
)

// Fault is one thing wrong with a configuration file, or with a file that it
// names.
type Fault struct {
	File string
	// Line counts from 1; 0 if the fault is not in a line of the file.
	Line int
	// Key is the path of the key, such as links[0].name; empty if the fault is
	// not of one key.
	Key string
	// Message says what was found, what is accepted and what to do.
	Message string
	Kind    Kind
	// Commands mend it, where they are known to the letter.
	Commands []string

	brief string
}

// newFault joins what was found, what is accepted and what to do.
func newFault(kind Kind, file string, line int, key, found, accepts, todo string) Fault {
	return Fault{
		File: file, Line: line, Key: key, Kind: kind,
		Message: message(found, accepts, todo), brief: message(found, "", todo),
	}
}

// Brief is Message without what is accepted.
func (f Fault) Brief() string {
	if f.brief == "" {
		return f.Message
	}
	return f.brief
}

// Error returns the fault as FILE:LINE: KEY: MESSAGE.
func (f Fault) Error() string { return f.Place() + ": " + f.About() }

// Place returns FILE:LINE, or FILE alone.
func (f Fault) Place() string {
	if f.Line > 0 {
		return fmt.Sprintf("%s:%d", f.File, f.Line)
	}
	return f.File
}

// About returns KEY: MESSAGE, or MESSAGE alone.
func (f Fault) About() string {
	if f.Key != "" {
		return f.Key + ": " + f.Message
	}
	return f.Message
}

// Errors are all faults of one configuration, sorted by file and line.
type Errors []Fault

// Incomplete reports whether all that is wrong is that something is missing.
func (e Errors) Incomplete() bool {
	return !slices.ContainsFunc(e, func(f Fault) bool { return f.Kind != Unfilled && f.Kind != MissingFile })
}

// Error returns one line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// sorted sorts e: the faults of the file called first before those of others,
// then by line.
func (e Errors) sorted(first string) Errors {
	rank := func(f Fault) string { return strings.TrimPrefix(f.File, first) }
	slices.SortStableFunc(e, func(a, b Fault) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Line, b.Line))
	})
	return e
}

// orNil returns nil, not an empty list, for no fault.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// message joins the three parts that every fault has; todo may be empty.
func message(found, accepts, todo string) string {
	parts := []string{found}
	if accepts != "" {
		parts = append(parts, "accepted: "+accepts)
	}
	if todo != "" {
		parts = append(parts, todo)
	}
	return strings.Join(parts, "; ")
}
