package check

import (
	"context"
	"errors"
	"os"
)

// checkDaemon asks the daemon, whose view helps some of the others; none needs
// it.
func checkDaemon(ctx context.Context, x *examination) outcome {
	if x.o.Daemon == nil {
		return skipped(say("daemon.unasked"))
	}
	s, err := x.o.Daemon(ctx)
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fault(say("daemon.hangs", seconds(daemonLimit)), say("daemon.hangs.fix"))
	case err != nil:
		return fault(foreign(err.Error()), say("daemon.fix"))
	}
	learn := func(x *examination) { x.daemon = &s }
	if s.Version != x.o.Version {
		return warning(say("daemon.version", s.Version, x.o.Version), say("daemon.version.fix")).learning(learn)
	}
	if f := s.FixFirst; f != nil {
		return ok(say("daemon.says", f.Stage, f.Reason, stageSays(*f))).learning(learn)
	}
	return ok(say("daemon.ok", s.Version)).learning(learn)
}
