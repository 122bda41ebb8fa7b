package check

import (
	"context"
	"fmt"
)

// checkDaemon asks the daemon, whose view helps some of the others; none needs
// it.
func checkDaemon(ctx context.Context, x *examination) outcome {
	if x.o.Daemon == nil {
		return skipped("not asked")
	}
	s, err := x.o.Daemon(ctx)
	if err != nil {
		return fault(err.Error(), "`sudo systemctl start edgeagent`; if it does not stay up, `journalctl -u edgeagent -n 50` says why.")
	}
	learn := func(x *examination) { x.daemon = &s }
	if s.Version != x.o.Version {
		return warning(fmt.Sprintf("version %s runs, %s is installed", s.Version, x.o.Version),
			"`sudo systemctl reload edgeagent` takes the new one in place.").learning(learn)
	}
	if s.FixFirst != nil {
		return ok(fmt.Sprintf("runs; says %s %s: %s", s.FixFirst.Stage, s.FixFirst.Reason, s.FixFirst.Detail)).learning(learn)
	}
	return ok("runs, version " + s.Version).learning(learn)
}
