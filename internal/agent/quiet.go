package agent

import (
	"context"
	"slices"
	"time"

	"edgeagent/internal/status"
)

// quietAfter is how long every stage must stand still before memory is given
// back: long enough that a path that comes up is not disturbed on its way.
const quietAfter = 20 * time.Second

// standing is where one stage stands.
type standing struct {
	state  status.State
	reason status.Reason
}

// whenQuiet calls o.Quiet once after each change of a stage, when nothing has
// changed for a while, until ctx ends. Figures in a stage's facts do not count:
// they change with every probe.
func whenQuiet(ctx context.Context, board *status.Board, o Options) {
	if o.Quiet == nil {
		return
	}
	timer := time.NewTimer(quietAfter)
	defer timer.Stop()
	for last := []standing(nil); ; {
		changed := board.Changed()
		now := standings(board.Snapshot())
		if !slices.Equal(now, last) {
			timer.Reset(quietAfter)
			last = now
		}
		select {
		case <-timer.C:
			if err := o.Quiet(); err != nil {
				o.Log.Debug("memory was not given back", "err", err)
			}
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

func standings(s status.Snapshot) []standing {
	var all []standing
	for _, c := range s.Stages {
		all = append(all, standing{c.State, c.Reason})
	}
	return all
}
