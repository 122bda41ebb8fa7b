package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong with a configuration file.
type Fault struct {
	File string
	// Line counts from 1; 0 if the fault is not in a line of the file.
	Line int
	// Key is the path of the key, such as links[0].name; empty if the fault is
	// not of one key.
	Key string
	// Message says what was found, what is accepted and what to do.
	Message string
}

// Error returns the fault as FILE:LINE: KEY: MESSAGE.
func (f Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	b.WriteString(": ")
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Errors are all faults of one file, sorted by line.
type Errors []Fault

// Error returns one line for each fault.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, f := range e {
		lines[i] = f.Error()
	}
	return strings.Join(lines, "\n")
}

// orNil sorts e by line. A nil error, not an empty list, means no fault.
func (e Errors) orNil() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Fault) int { return cmp.Compare(a.Line, b.Line) })
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
