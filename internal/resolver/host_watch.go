package resolver

import (
	"context"
	"path/filepath"
	"reflect"
	"time"

	"edgeagent/internal/config"
)

// Policy of repairing a resolv.conf that somebody else changes. Two programs
// that put theirs back for ever wear out the SD card and help nobody.
const (
	maxRepairs   = 10 // in repairWindow
	repairWindow = time.Hour
	// settleFor is how long a change is left alone, for whoever makes it to
	// finish.
	settleFor = 300 * time.Millisecond
	// repairAgain is how long a repair that did not help is not tried again.
	repairAgain = time.Minute
	// obstacleAgain is how often it is looked whether what is in the way of one is
	// gone: nothing tells when a file is immutable no more.
	obstacleAgain = 2 * time.Second
)

// Watch tells, at once and at every change, how the operating system is pointed
// at the stub, and puts a resolv.conf back that somebody else has changed.
// It returns nil when ctx ends and undoes nothing.
func (h *Host) Watch(ctx context.Context, notify func(HostState)) error {
	dirs, err := newDirWatcher()
	if err != nil {
		return err
	}
	defer dirs.close()
	w := hostWatch{Host: h, notify: notify}
	for {
		if err := dirs.follow(h.watched()); err != nil {
			return err
		}
		w.look(time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-dirs.changes:
		case <-alarm(w.due):
			w.repair(ctx, time.Now())
		case <-alarm(w.glance):
		}
	}
}

// watched are the files whose change matters, with what the links among them
// lead to.
func (h *Host) watched() []string {
	paths := []string{h.o.EtcResolvConf, h.file.runtime, h.o.NMResolvConf, h.o.ResolvedConf}
	for _, d := range recordDirs {
		paths = append(paths, filepath.Join(h.o.ResolvconfDir, d, resolvconfRecord))
	}
	for _, link := range []string{h.o.EtcResolvConf, h.file.saved} {
		if target, err := filepath.EvalSymlinks(link); err == nil {
			paths = append(paths, target)
		}
	}
	return paths
}

// hostWatch is one call of Watch.
type hostWatch struct {
	*Host
	notify  func(HostState)
	told    *HostState
	culprit string
	due     time.Time // of the next repair; zero: none is needed
	glance  time.Time // at what is in the way of one; zero: nothing is
	failure error     // of the last repair
}

// look finds out how things are, tells if that is news, and plans a repair if
// one is needed.
func (w *hostWatch) look(now time.Time) {
	d := w.decide()
	w.logTrail(d)
	w.remember()
	if d.file && d.fault == "" {
		w.refresh()
	}
	state := w.inspect(d)
	switch {
	case w.trampled(d):
		w.culprit = w.findCulprit(d)
		w.plan(now, &state)
	case w.unpointed(state) && w.told == nil:
		// Nobody has pointed it: the configuration was mended after the start.
		w.plan(now, &state)
	case w.due.IsZero() || !w.unpointed(state):
		w.due, w.failure = time.Time{}, nil
	}
	w.watchObstacle(now, d, state)
	state.Culprit, state.Repairs = w.culprit, len(w.budget.spent(now))
	if w.told == nil || !reflect.DeepEqual(*w.told, state) {
		w.told = &state
		w.notify(state)
	}
}

// watchObstacle plans to look again while something is in the way. The daemon's
// sandbox hides it, so that one has its helper look, at the pace of repairs.
func (w *hostWatch) watchObstacle(now time.Time, d decision, s HostState) {
	w.glance = time.Time{}
	switch {
	case s.Pointed || d.obstacle == "":
	case !w.sandboxed:
		w.glance = now.Add(obstacleAgain)
	case w.due.IsZero():
		w.due = now.Add(repairAgain)
	}
}

// unpointed reports whether the system should be pointed at the stub and never
// was.
func (w *hostWatch) unpointed(s HostState) bool {
	d := w.decide()
	return !s.Pointed && d.mode != config.HostNone && d.fault == "" && w.marker.get() == "" && !w.file.hasSaved()
}

// plan sets the time of the next repair.
func (w *hostWatch) plan(now time.Time, state *HostState) {
	if w.failure != nil {
		state.Detail += "; " + w.failure.Error()
	}
	again := w.budget.next(now)
	state.GaveUp = again.After(now)
	switch {
	case state.GaveUp:
		w.due = again
	case w.due.IsZero():
		w.due = now.Add(settleFor)
	}
	if state.GaveUp && (w.told == nil || !w.told.GaveUp) {
		w.o.Log.Error("the system's DNS is changed again and again, it is left alone for now",
			"by", w.culprit, "times", maxRepairs, "until", w.due)
	}
}

// repair has the system pointed at the stub again, unless it came right by
// itself.
func (w *hostWatch) repair(ctx context.Context, now time.Time) {
	d := w.decide()
	if !w.trampled(d) && w.pointed(d) {
		return
	}
	if w.due = now.Add(repairAgain); !w.trampled(d) {
		w.due = time.Time{} // asked for once: who refuses has reasons
	}
	if w.o.Repair == nil {
		w.failure = w.repairAt(ctx, now)
	} else {
		w.failure = w.o.Repair(ctx)
	}
}

// refresh brings a changed search list into the file that programs read.
func (h *Host) refresh() {
	if err := h.file.renew(h.content); err != nil {
		h.o.Log.Debug("resolv.conf not renewed", "err", err)
	}
}
