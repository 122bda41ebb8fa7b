package check

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"edgeagent/internal/config"
)

// checkConfig reads the configuration without the files that it names.
func checkConfig(_ context.Context, x *examination) outcome {
	c, err := config.Read(x.o.ConfigFile)
	var faults config.Errors
	switch {
	case errors.Is(err, fs.ErrPermission):
		return skipped(fmt.Sprintf("%s may not be read by this user: use sudo", x.o.ConfigFile))
	case errors.As(err, &faults):
		return fault(faults.Error(), "correct the lines named here, then `sudo systemctl reload edgeagent`.")
	case err != nil:
		return fault(err.Error(), "correct the file, then `sudo systemctl reload edgeagent`.")
	}
	return ok(fmt.Sprintf("%s: %s, %d link(s)", x.o.ConfigFile, c.Device.Thing, len(c.Links))).
		learning(func(x *examination) { x.config, x.known = c, true })
}
