package check

import (
	"context"
	"os"
	"strings"

	"edgeagent/internal/config"
)

// checkFiles looks at the files that the configuration names, as the user that
// runs the daemon. For another user than root or that one nothing follows from
// what it may not read.
func checkFiles(_ context.Context, x *examination) outcome {
	r := config.Examine(x.o.ConfigFile, config.Reader())
	switch {
	case len(r.Faults) > 0 && os.Geteuid() != 0 && allUnreadable(r.Faults):
		return skipped("certificates and keys may not be read by this user: use sudo")
	case len(r.Faults) > 0:
		return fault(briefly(r.Faults), mending(r.Faults))
	case len(r.Warnings) > 0:
		return warning(briefly(r.Warnings), mending(r.Warnings))
	}
	return ok(strings.Join(r.Files, ", "))
}

func allUnreadable(faults config.Errors) bool {
	for _, f := range faults {
		if f.Kind != config.Unreadable {
			return false
		}
	}
	return true
}

func briefly(faults config.Errors) string {
	var lines []string
	for _, f := range faults {
		lines = append(lines, f.Brief())
	}
	return strings.Join(lines, "\n")
}

// mending is what to type, where that is known to the letter.
func mending(faults config.Errors) string {
	var commands []string
	for _, f := range faults {
		for _, c := range f.Commands {
			commands = append(commands, "`"+c+"`")
		}
	}
	if len(commands) == 0 {
		return "`edgeagent config check` names each file and line."
	}
	return strings.Join(commands, ", then ") + "."
}
