package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/faults"
	"edgeagent/internal/lab/leaks"
)

// Patience with the lab: one thing may take stepTime to be done, and with the
// agent: endTime until the path is whole at the end.
const (
	stepTime  = 3 * time.Minute
	endTime   = 2 * time.Minute
	drainTime = 30 * time.Second
	leakTime  = time.Minute // what is closing may take its time
)

// Options of a soak.
type Options struct {
	Bin      string // the program under test
	Duration time.Duration
	Seed     uint64
	Only     *regexp.Regexp // nil, or which things happen, by name
	Log      io.Writer      // a line for each thing that happens
}

// soak is one being run.
type soak struct {
	Options
	*faults.Rig
	began   time.Time
	stream  *stream
	result  Result
	seen    int          // sightings of the capture up to now
	first   leaks.Census // after the first calm
	waits   []wait       // of the recovery that goes on
	rivalry time.Time    // when another device last had our client id
	stuck   bool         // it makes no sense to go on
}

// Run brings a lab up and has everything happen in it until the duration is over.
// The error is a lab that did not work; what the agent did is in the result.
func Run(ctx context.Context, o Options) (Result, error) {
	if len(rows(o.Only)) == 0 {
		return Result{}, fmt.Errorf("nothing that happens is called %s", o.Only)
	}
	l, err := lab.Start(ctx, lab.Options{Canal: lab.CanalStandby, BrokerKeeps: true})
	if err != nil {
		return Result{}, err
	}
	s := &soak{Options: o, Rig: &faults.Rig{Lab: l, Bin: o.Bin}, began: time.Now()}
	s.result = Result{Seed: o.Seed, Done: map[string]int{}}
	err = s.all(ctx)
	s.result.Took = time.Since(s.began)
	return s.result, errors.Join(err, l.Close())
}

func (s *soak) all(ctx context.Context) (err error) {
	s.say("seed %d, for %s", s.Seed, s.Duration)
	if s.Agent, err = s.StartAgent(s.Options.Bin); err != nil {
		return err
	}
	// What is published before the device has subscribed for the first time is
	// nobody's.
	if err := s.whole(ctx, "the start"); err != nil {
		return err
	}
	if s.stuck {
		return errors.New("the path has never come up")
	}
	s.stream = startStream(ctx, s.Lab)
	defer s.stream.stop()
	if err := s.warmUp(ctx); err != nil {
		return err
	}
	p := newPlan(s.Seed, rows(s.Only))
	for !s.stuck && time.Since(s.began) < s.Duration {
		// In the second half the daemon lives on, so that it can be seen to grow.
		r := p.next(time.Since(s.began) < s.Duration/2)
		s.result.Rounds++
		if r.home {
			if err := s.goBack(ctx, "before "+r.names()); err != nil {
				return err
			}
		}
		if err := s.play(ctx, r); err != nil {
			return err
		}
		if err := s.calm(ctx, r); err != nil {
			return err
		}
	}
	return s.finish(ctx)
}

// warmUp has the agent do everything once that makes it allocate for good, and
// counts what it holds then.
func (s *soak) warmUp(ctx context.Context) error {
	for _, row := range work() {
		if ends(row) {
			continue
		}
		r := round{steps: []step{{row: row, lasts: shortest}}, lift: []int{0}}
		if err := s.play(ctx, r); err != nil {
			return err
		}
		if err := s.calm(ctx, r); err != nil {
			return err
		}
	}
	var err error
	s.first, err = leaks.Take(ctx, s.Lab, s.Agent)
	return err
}

// play does all of a round and lifts it again. An error is a lab that cannot go
// on.
func (s *soak) play(ctx context.Context, r round) error {
	resume := func() {}
	defer func() { resume() }()
	for i, step := range r.steps {
		if speaks(step.row) {
			var err error
			if resume, err = s.stream.pause(ctx); err != nil {
				return err
			}
		}
		s.say("+ %s", step.row.Name)
		s.result.Done[step.row.Name]++
		if err := do(ctx, step.row.Inject, s.Rig); err != nil {
			s.failed(ctx, step.row.Name, i == 0, err)
		}
		if place(step.row) == placeWork {
			resume()
			resume = func() {}
		}
		if err := sleep(ctx, step.lasts); err != nil {
			return err
		}
	}
	for _, i := range r.lift {
		if err := do(ctx, r.steps[i].row.Lift, s.Rig); err != nil {
			s.failed(ctx, "lifting "+r.steps[i].row.Name, len(r.steps) == 1, err)
		}
		s.say("- %s", r.steps[i].row.Name)
	}
	return ctx.Err()
}

// putAway has each thing take back what it has left on purpose.
func (s *soak) putAway(ctx context.Context, r round) {
	for _, step := range r.steps {
		if err := do(ctx, step.row.After, s.Rig); err != nil && ctx.Err() == nil {
			s.red("%s: afterwards: %v", step.row.Name, err)
		}
	}
}

// failed notes that something could not be done. With the path whole that is a
// fault; after another thing it may only have come too late.
func (s *soak) failed(ctx context.Context, name string, alone bool, err error) {
	if ctx.Err() != nil {
		return
	}
	if alone && !errors.Is(err, faults.ErrLeftOut) {
		s.red("%s: %v", name, err)
	} else {
		s.say("  %s was not possible: %v", name, err)
	}
}

// do takes one step; nil is none.
func do(ctx context.Context, what func(context.Context, *faults.Rig) error, r *faults.Rig) error {
	if what == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return what(ctx, r)
}

// speaks reports whether the row sends notifications that the stream would have
// the daemon refuse.
func speaks(row faults.Row) bool { return row.Quiet || place(row) == "tunnel" }

// names are those of the round's steps.
func (r round) names() string {
	var all []string
	for _, s := range r.steps {
		all = append(all, s.row.Name)
	}
	return strings.Join(all, " + ")
}

// say writes a line with the time since the start.
func (s *soak) say(format string, args ...any) {
	fmt.Fprintf(s.Log, "%8.1f  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// red notes what should not have been.
func (s *soak) red(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.say("RED %s", text)
	s.result.Red = append(s.result.Red, fmt.Sprintf("after %.0f s, round %d: %s", time.Since(s.began).Seconds(), s.result.Rounds, text))
}
