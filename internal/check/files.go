package check

import (
	"context"
	"os"
	"slices"
	"strings"

	"edgeagent/internal/config"
)

// checkFiles looks at the files that the configuration names, as the user that
// runs the daemon. For another user than root or that one nothing follows from
// what it may not read. What is wrong in the configuration itself is said by
// its own check; the files that it does name are looked at all the same.
func checkFiles(_ context.Context, x *examination) outcome {
	r := config.Examine(x.o.ConfigFile, config.Reader())
	faults := r.Faults
	if !x.known {
		faults = besides(faults, x.o.ConfigFile)
	}
	switch {
	case len(faults) > 0 && os.Geteuid() != 0 && allUnreadable(faults):
		return skipped(say("files.unreadable"))
	case len(faults) > 0:
		return fault(briefly(faults), mending(faults, say("files.fix")))
	case !x.known:
		return skipped(say("run.waits", "config"))
	case len(r.Warnings) > 0:
		return warning(briefly(r.Warnings), mending(r.Warnings, say("files.fix")))
	}
	return ok(plain(strings.Join(distinct(r.Files), ", ")))
}

// distinct leaves out what a link and the broker both name.
func distinct(all []string) []string {
	var once []string
	for _, s := range all {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// besides returns the faults that are about files, other than the configuration
// itself.
func besides(faults config.Errors, file string) config.Errors {
	inside := []config.Kind{config.Unfilled, config.BadValue, config.RetiredKey}
	return slices.DeleteFunc(slices.Clone(faults), func(f config.Fault) bool {
		return slices.Contains(inside, f.Kind) || f.File == file && f.Key == ""
	})
}

func allUnreadable(faults config.Errors) bool {
	return !slices.ContainsFunc(faults, func(f config.Fault) bool { return f.Kind != config.Unreadable })
}

// briefly is a line for each fault.
func briefly(faults config.Errors) words {
	lines := list{between: "\n"}
	for _, f := range faults {
		lines.parts = append(lines.parts, foreign(f.Brief()))
	}
	return lines
}

// mending is what to type, a line each, where that is known to the letter, else
// otherwise.
func mending(faults config.Errors, otherwise words) words {
	var commands []string
	for _, f := range faults {
		commands = append(commands, f.Commands...)
	}
	if len(commands) == 0 {
		return otherwise
	}
	lines := list{between: "\n", parts: []words{say("type")}}
	for _, c := range distinct(commands) {
		lines.parts = append(lines.parts, plain(c))
	}
	return lines
}
