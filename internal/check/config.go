package check

import (
	"context"
	"errors"
	"os"

	"edgeagent/internal/config"
)

// checkConfig reads the configuration without the files that it names.
func checkConfig(_ context.Context, x *examination) outcome {
	c, err := config.Read(x.o.ConfigFile)
	var faults config.Errors
	switch {
	case errors.As(err, &faults) && os.Geteuid() != 0 && allUnreadable(faults):
		return fault(say("config.unreadable", x.o.ConfigFile), say("config.unreadable.fix"))
	case errors.As(err, &faults):
		return fault(foreign(faults.Error()), mending(faults, say("config.lines.fix")))
	case err != nil:
		return fault(foreign(err.Error()), say("config.file.fix"))
	}
	return ok(say("config.ok", x.o.ConfigFile, c.Device.Thing, len(c.Links))).
		learning(func(x *examination) { x.config, x.known = c, true })
}
