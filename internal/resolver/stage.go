package resolver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"slices"
	"sync"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// How soon a resolver that did answer well is asked again when it does not: after
// firstDoubt, and twice as long each time. A lost packet or a record that is being
// replaced costs a second then.
//
// The pauses end at seekPause, however long the outage, so that its end is seen
// within 5 s, the broker's handshake included. Nobody is spared by more: a question
// and its refusal are 330 bytes in a VPN, 11 MB in a day without an answer, and an
// interface of the VPC, which takes 1,024 packets a second, has room for 2,500
// devices that ask so. Silence has used up part of the pause: the last try of the
// Client, a SYN, was 2 s ago when it gives up.
// https://docs.aws.amazon.com/vpc/latest/userguide/AmazonDNS-concepts.html
//
// On a metered link the pauses grow up to the usual pace: there each question is
// paid for.
const (
	firstDoubt  = time.Second
	maxDoubts   = 8 // doublings: past every pace, and far from overflow
	seekPause   = 3 * time.Second
	seekSilence = 1500 * time.Millisecond
	// seekJitter is taken off at random, or devices that lost the resolver at the
	// same moment would ask at the same moments.
	seekJitter = time.Second
)

// perInterval is how often the resolver is asked in a probe.interval, 60 s, on a
// link that is not metered. With the 7 s that silence takes to be sure of and the
// 10 s in which others are asked, it is known within 36 s where the fault is. A
// question and its answer are 226 bytes: 1 MB a day, where OpenVPN's pings are 12.
const perInterval = 4

// PathSetter is what the stage needs of the Stub: nil means that there is no
// path into the VPC.
type PathSetter interface{ SetPath(*Path) }

// StageOptions are what the stage "dns" needs of the other parts. The functions
// may be called from any goroutine.
type StageOptions struct {
	Prober *Prober
	Stub   PathSetter
	// Path returns the path that the link carries now, if it carries any.
	Path func() (Path, bool)
	// PathChanged returns a channel that is closed at the next change of Path.
	// Optional: without it a new path is noticed with its first probe.
	PathChanged func() <-chan struct{}
	// Pace returns how often the path's link is probed while all is well; a
	// metered link's may be slower than probe.interval. Optional.
	Pace func() time.Duration
	// HostState returns how the OS is pointed at the stub.
	HostState func() HostState
	// HostChanged returns a channel that is closed when that changes. Optional.
	HostChanged func() <-chan struct{}
	Private     []netip.Prefix // endpoint.private_cidrs
	Config      config.Resolver
	Probe       config.Probe
	Log         *slog.Logger
}

// Stage is the stage "dns": the stub has a path into the VPC, and the VPC
// resolver answers. On a metered link it lives on the probes that are sent anyway,
// and asks itself only when none has come for longer than one should have.
type Stage struct{ o StageOptions }

// NewStage returns the stage; it does nothing before Run.
func NewStage(o StageOptions) *Stage {
	if o.PathChanged == nil {
		o.PathChanged = never
	}
	if o.HostChanged == nil {
		o.HostChanged = never
	}
	if o.Pace == nil {
		o.Pace = func() time.Duration { return 0 }
	}
	return &Stage{o: o}
}

// String returns the stage's name, "dns".
func (s *Stage) String() string { return "dns" }

// Run gives the stub its path and watches the VPC resolver until ctx ends.
func (s *Stage) Run(ctx context.Context, report status.Report) error {
	w := watching{Stage: s, report: report}
	w.resolver, w.probe, w.prefixes, w.endpoint = s.o.Config, s.o.Probe, s.o.Private, s.o.Prober.host
	defer s.o.Stub.SetPath(nil)
	defer w.asks.Wait()
	for ctx.Err() == nil {
		probed, moved, hosted := s.o.Prober.Changed(), s.o.PathChanged(), s.o.HostChanged()
		w.step(ctx)
		select {
		case <-ctx.Done():
		case <-probed:
		case <-moved:
		case <-hosted:
		case <-alarm(w.wake()):
		}
	}
	return nil
}

// watching is one call of Run.
type watching struct {
	*Stage
	health
	report   status.Report
	reported status.Update
	asks     sync.WaitGroup
	asked    time.Time // when the stage last asked itself
	jitter   time.Duration
}

// step takes in what is new, reports what it comes to, and asks if it is time.
func (w *watching) step(ctx context.Context) {
	path, ok := w.o.Path()
	switch {
	case !ok:
		w.begin(Path{})
		w.o.Stub.SetPath(nil)
		w.tell(status.Update{State: status.Down, Reason: status.ReasonNoAnswer, Detail: "the link carries no path"})
		return
	case !path.same(w.path):
		w.begin(path)
		w.asked = time.Time{}
		w.o.Stub.SetPath(&path)
	case !slices.Equal(path.Servers, w.path.Servers):
		// News for the stub, but no loss: the last result still counts.
		w.path = path
		w.o.Stub.SetPath(&path)
	}
	w.o.Prober.spare(path, w.sparing())
	if r, ok := w.o.Prober.lastOver(path); ok && r.seq != w.seen && w.isNew(r) {
		w.take(r)
		w.jitter = rand.N(seekJitter)
	}
	w.expire(time.Now())
	w.tell(w.judge(w.o.HostState()))
	w.askIfDue(ctx)
}

// isNew refuses a first result that is as old as one that should have been
// renewed long ago: who knows what has happened since.
func (w *watching) isNew(r Result) bool {
	return !w.last.At.IsZero() || time.Since(r.At) <= max(w.o.Pace(), w.o.Probe.Interval)
}

// tell reports the verdict if it is news.
func (w *watching) tell(u status.Update) {
	if reflect.DeepEqual(u, w.reported) {
		return
	}
	logChange(w.o.Log, w.String(), w.reported, u)
	w.reported = u
	w.report(u)
}

// logChange writes a line when a stage enters another state, or the same for
// another reason; never for new figures alone.
func logChange(log *slog.Logger, stage string, before, u status.Update) {
	if before.State == u.State && before.Reason == u.Reason {
		return
	}
	level := slog.LevelWarn
	if u.State == status.OK || u.State == status.Starting {
		level = slog.LevelInfo
	}
	log.Log(context.Background(), level, fmt.Sprintf("%s is %s", stage, u.State), "reason", u.Reason, "detail", u.Detail)
}

// askIfDue probes when the link's own probe is overdue. It shares the probe if
// one is under way.
func (w *watching) askIfDue(ctx context.Context) {
	if time.Now().Before(w.due()) {
		return
	}
	w.asked = time.Now()
	path := w.path
	w.asks.Go(func() { _, _ = w.o.Prober.result(ctx, path) })
}

// due returns when the stage is to ask itself: a quarter later than the link
// should have, so that both never ask for the same, but soon after an answer
// that is not as the ones before.
func (w *watching) due() time.Time {
	newest := w.last.At
	if w.asked.After(newest) {
		newest = w.asked
	}
	if newest.IsZero() {
		return newest
	}
	pace := w.pace()
	wait := pace + pace/4
	if w.wrong > 0 && (w.usable || !w.fails()) {
		wait = min(wait, firstDoubt<<min(w.wrong-1, maxDoubts))
	}
	if w.wrong > 0 && !w.sparing() {
		wait = min(wait, w.seek())
	}
	return newest.Add(wait)
}

// seek is the longest pause between two questions to a resolver that is away.
func (w *watching) seek() time.Duration {
	if errors.Is(w.last.Err, os.ErrDeadlineExceeded) {
		return seekSilence - w.jitter
	}
	return seekPause - w.jitter
}

// sparing reports whether the link's probes are rare because they are paid for.
func (w *watching) sparing() bool { return w.o.Pace() > w.o.Probe.Interval }

// pace is how long the last result lasts: its TTL, within reason. What has gone
// wrong is found by the next question only, and is to be named within 40 s: hence
// a part of probe.interval, which is made for links that have pings as well.
func (w *watching) pace() time.Duration {
	if w.fails() {
		return w.o.Probe.SuspectInterval
	}
	if w.sparing() {
		return w.o.Pace()
	}
	return max(w.o.Probe.SuspectInterval, min(w.last.TTL, w.o.Probe.Interval/perInterval))
}

// wake returns the time at which something changes by itself.
func (w *watching) wake() time.Time {
	if w.path.Device == "" {
		return time.Time{}
	}
	at := w.due()
	if held := w.failing.Add(w.o.Probe.Hold); !w.failing.IsZero() && !w.lost && held.Before(at) {
		at = held
	}
	return at
}
