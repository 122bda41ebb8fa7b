package main

import (
	"fmt"
	"slices"
	"strings"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// whatIsWrong puts the faults of a configuration into the words of a stage: one
// line for systemd, a line each for people, and what to type. What is merely
// missing is nothing to be alarmed at.
func whatIsWrong(file string, faults config.Errors) status.Update {
	u := status.Update{
		State: status.Down, Reason: status.ReasonBadConfig,
		Detail: plural(len(faults), "fault") + " in " + file + " and the files it names",
	}
	if faults.Incomplete() {
		u.State, u.Reason, u.Detail = status.Waiting, status.ReasonNotConfigured, whatIsMissing(file, faults)
	} else if len(faults) == 1 {
		u.Detail = faults[0].Error()
	}
	for _, f := range faults {
		u.Notes = append(u.Notes, note(file, f))
	}
	if len(faults) == 1 && u.Reason == status.ReasonBadConfig {
		u.Notes = nil
	}
	u.Commands = commands(file, faults)
	return u
}

// whatIsMissing counts the values and the files that are not there yet.
func whatIsMissing(file string, faults config.Errors) string {
	var keys []string
	files := 0
	for _, f := range faults {
		switch {
		case f.Kind == config.MissingFile && f.Line == 0:
			return "there is no " + f.File
		case f.Kind == config.MissingFile:
			files++
		case f.Key == "":
			return file + " is empty"
		default:
			keys = append(keys, f.Key)
		}
	}
	var parts []string
	if len(keys) > 0 {
		parts = append(parts, "fill in "+strings.Join(keys, ", ")+" in "+file)
	}
	if files > 0 {
		parts = append(parts, "put "+plural(files, "missing file")+" in place")
	}
	return strings.Join(parts, "; ")
}

// note is one fault on a line of the screen, where the name of the file would
// only be repeated.
func note(file string, f config.Fault) string {
	var b strings.Builder
	if f.File != file {
		b.WriteString(f.File + ": ")
	}
	if f.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", f.Line)
	}
	if f.Key != "" {
		b.WriteString(f.Key + ": ")
	}
	b.WriteString(f.Brief())
	return b.String()
}

// commands are what mends the faults, each once: first the editor, if the
// file's own text is at fault, then what to do about other files.
func commands(file string, faults config.Errors) []string {
	var all []string
	for _, f := range faults {
		if len(f.Commands) == 0 && f.Line > 0 {
			all = append(all, "sudoedit "+f.File)
		}
	}
	for _, f := range faults {
		all = append(all, f.Commands...)
	}
	var once []string
	for _, c := range all {
		if !slices.Contains(once, c) {
			once = append(once, c)
		}
	}
	return once
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return fmt.Sprintf("%d %ss", n, word)
}
