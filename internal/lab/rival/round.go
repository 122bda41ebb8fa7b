package rival

import (
	"context"
	"errors"
	"fmt"
	"time"

	"edgeagent/internal/lab"
)

// Bounds of one round.
const (
	// Limit is how long a recovery is waited for: after it, somebody has to go
	// there.
	Limit     = 300 * time.Second
	bootLimit = 90 * time.Second
	// settle is between a stack's first message and the fault, and grows with
	// each round: probes and keepalives are met at other moments.
	settle     = 3 * time.Second
	settleStep = 9 * time.Second
)

// Sample is what one stack did in one round.
type Sample struct {
	Boot      time.Duration // from the start of its programs to the first message
	BootLeaks int           // packets in the open until then
	Noticed   time.Duration // from the fault until the stack itself knew; negative: it never did
	Said      string        // what it said then
	// Recovered is from the lift (without one: from the fault) until a message
	// reached the device; not less than Limit: it did not come back.
	Recovered time.Duration
	Leaks     int // packets in the open from the fault on
}

// starter starts a stack on a lab's device.
type starter func(l *lab.Lab, bin string) (stack, error)

func startRival(l *lab.Lab, bin string) (stack, error) { return startArticles(l, bin) }
func startOurs(l *lab.Lab, bin string) (stack, error)  { return startAgent(l, bin) }

// inWorld runs fn in a fresh lab in which the stack has received its first
// message; s knows how the start went.
func inWorld(ctx context.Context, bin string, start starter, s *Sample, fn func(context.Context, world, *office) error) (err error) {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	// A fresh lab each time: what an earlier fault has left in OpenVPN's or the
	// client's back-off must not be measured with the next.
	defer func() { err = errors.Join(err, l.Close()) }()
	if err := refusePublic(ctx, l); err != nil {
		return err
	}
	o := &office{lab: l}
	defer o.close()
	began := time.Now()
	st, err := start(l, bin)
	if err != nil {
		return err
	}
	defer st.stop()
	bootCtx, cancel := context.WithTimeout(ctx, bootLimit)
	defer cancel()
	at, err := o.reached(bootCtx)
	if err != nil {
		return fmt.Errorf("waiting for the first message: %w%s", err, st.tail(20))
	}
	s.Boot = at.Sub(began)
	if err := fn(ctx, world{Lab: l, stack: st}, o); err != nil {
		return fmt.Errorf("%w%s", err, st.tail(20))
	}
	return nil
}

// play plays one fault against one stack.
func (f fault) play(ctx context.Context, bin string, start starter, round int) (s Sample, err error) {
	err = inWorld(ctx, bin, start, &s, func(ctx context.Context, w world, o *office) error {
		if err := sleep(ctx, settle+time.Duration(round)*settleStep); err != nil {
			return err
		}
		began := time.Now()
		if err := f.inject(ctx, w); err != nil {
			return fmt.Errorf("injecting %s: %w", f.name, err)
		}
		if err := f.lifted(ctx, w, began); err != nil {
			return err
		}
		if err := o.recovery(ctx, &s); err != nil {
			return err
		}
		return s.judge(ctx, w, began)
	})
	return s, err
}

// lifted waits until the fault has lasted its time, and lifts it.
func (f fault) lifted(ctx context.Context, w world, began time.Time) error {
	if f.lift == nil {
		return nil
	}
	if err := sleep(ctx, time.Until(began.Add(f.hold))); err != nil {
		return err
	}
	if err := f.lift(ctx, w); err != nil {
		return fmt.Errorf("lifting %s: %w", f.name, err)
	}
	return nil
}

// recovery measures from now until a message reaches the device. Nothing was
// published before: messages would have kept the sessions busy, whose keepalive
// then sees a fault at another time than on an idle device.
func (o *office) recovery(ctx context.Context, s *Sample) error {
	lifted := time.Now()
	waitCtx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	at, err := o.reached(waitCtx)
	switch {
	case err == nil:
		s.Recovered = at.Sub(lifted)
	case ctx.Err() == nil && waitCtx.Err() != nil:
		s.Recovered = Limit
	default:
		return err
	}
	return nil
}

// judge adds what the stack knew of it and what left in the open, both from the
// fault on: the capture has all since the start of the lab.
func (s *Sample) judge(ctx context.Context, w world, began time.Time) error {
	s.Noticed = -1
	if e, ok := w.noticed(began); ok {
		s.Noticed, s.Said = e.at.Sub(began), e.text
	}
	report, err := w.Capture.Report(ctx)
	if err != nil {
		return err
	}
	for _, list := range [][]lab.Sighting{report.Trap, report.Names, report.Strays} {
		for _, seen := range list {
			if seen.At.Before(began) {
				s.BootLeaks++
			} else {
				s.Leaks++
			}
		}
	}
	return nil
}
