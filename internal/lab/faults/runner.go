package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/leaks"
	"edgeagent/packaging"
)

// Patience of the runner. The bounds of a row are judged afterwards: what comes
// late is to be seen with its time.
const (
	rowTime     = 9 * time.Minute // a whole row
	startTime   = time.Minute     // until all is well before the fault
	detectTime  = 5 * time.Minute // until the cause is named
	recoverTime = 2 * time.Minute // until all is well after it
	absorbTime  = 8 * time.Second // how long a fault that is to be absorbed goes on
	holdTime    = 2 * time.Second // how long the fault goes on once it was named
	settleTime  = 10 * time.Second
)

// Result is what came of a row.
type Result struct {
	Row
	Detected  time.Duration // until status named a wanted cause
	Recovered time.Duration // from the end of the fault until all was well
	Said      string        // the causes that status named, in their order

	Sent, Lost, Duplicated int // messages at QoS 1 to the device
	Trap                   int // packets that left in the open
	Leaks                  []string
	Note                   string
	Err                    error // why the row could not be played to its end
}

// Run plays the row with the program bin, in a lab of its own. It always returns
// a result: what failed is in it.
func (row Row) Run(ctx context.Context, bin string) Result {
	res := Result{Row: row}
	if row.LeftOut != "" {
		return res
	}
	ctx, cancel := context.WithTimeout(ctx, rowTime)
	defer cancel()
	l, err := lab.Start(ctx, row.telling())
	if err != nil {
		res.Err = err
		return res
	}
	p := play{Rig: &Rig{Lab: l, Bin: bin}, res: &res}
	res.Err = p.all(ctx)
	res.Note = p.Note
	p.count(ctx)
	if len(res.Red()) > 0 {
		p.keepLogs()
	}
	res.Err = errors.Join(res.Err, l.Close())
	for _, end := range p.ends {
		end()
	}
	if errors.Is(res.Err, ErrLeftOut) {
		return Result{Row: row.leftOut(res.Err)}
	}
	return res
}

func (row Row) leftOut(why error) Row {
	row.LeftOut = oneLine(why.Error())
	return row
}

// play is one row being played.
type play struct {
	*Rig
	res    *Result
	watch  *watcher
	stream *stream
	before leaks.Census
}

// all plays the row from start to end. A fault that was not named is lifted all
// the same, so that recovery is seen.
func (p *play) all(ctx context.Context) error {
	if err := p.begin(ctx); err != nil {
		return err
	}
	defer p.watch.stop()
	injected := time.Now()
	if err := p.res.do(ctx, "injecting it", p.res.Inject, p.Rig); err != nil {
		return err
	}
	done := time.Now()
	notSeen := p.detect(ctx, injected)
	over := done
	if p.res.Lift != nil {
		if err := p.res.do(ctx, "lifting it", p.res.Lift, p.Rig); err != nil {
			return errors.Join(notSeen, err)
		}
		over = time.Now()
	}
	notBack := p.recover(ctx, over)
	p.watch.stop() // its questions are work for the daemon
	p.res.Said = story(p.watch.since(injected))
	if notBack != nil {
		return errors.Join(notSeen, notBack)
	}
	if err := p.res.do(ctx, "putting its things away", p.res.After, p.Rig); err != nil {
		return errors.Join(notSeen, err)
	}
	return errors.Join(notSeen, p.finish(ctx))
}

// do takes one step of the row; nil is none.
func (r *Result) do(ctx context.Context, what string, step func(context.Context, *Rig) error, rig *Rig) error {
	if step == nil {
		return nil
	}
	if err := step(ctx, rig); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// begin brings everything up. A row that injects nothing is broken from the
// start.
func (p *play) begin(ctx context.Context) (err error) {
	if err := p.res.do(ctx, "preparing it", p.res.Before, p.Rig); err != nil {
		return err
	}
	if err := p.startDaemon(); err != nil {
		return err
	}
	if p.res.Inject == nil {
		p.watch = watch(ctx, p.Agent)
		return nil
	}
	startCtx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if err := p.Agent.WaitOK(startCtx); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if err := p.res.do(startCtx, "warming up", p.res.Warm, p.Rig); err != nil {
		return err
	}
	if p.before, err = leaks.Take(ctx, p.Lab, p.Running()); err != nil {
		return fmt.Errorf("before the fault: %w", err)
	}
	if !p.res.quiet() {
		if p.stream, err = startStream(ctx, p.Lab, p.Agent); err != nil {
			return fmt.Errorf("before the fault: %w", err)
		}
	}
	p.watch = watch(ctx, p.Agent)
	return nil
}

// startDaemon starts it as the row wants it.
func (p *play) startDaemon() (err error) {
	if !p.res.Supervised {
		p.Agent, err = p.StartAgent(p.Bin)
		return err
	}
	timers, err := lab.ParseUnitTimers(packaging.Unit)
	if err != nil {
		return err
	}
	if p.res.Watchdog > 0 {
		timers.Watchdog = p.res.Watchdog
	}
	if p.supervisor, err = p.Supervise(p.Bin, timers); err != nil {
		return err
	}
	p.Agent = p.supervisor.Agent()
	return nil
}

// quiet rows are about notifications themselves.
func (r *Result) quiet() bool {
	for _, w := range r.Want {
		if w.Stage == "tunnel" {
			return true
		}
	}
	return r.Quiet
}

// detect waits until the fault is named, or sees that it is absorbed.
func (p *play) detect(ctx context.Context, injected time.Time) (err error) {
	if len(p.res.Want) == 0 || p.res.Passes {
		return p.endure(ctx, injected)
	}
	named, cancel := context.WithTimeout(ctx, detectTime)
	defer cancel()
	if p.res.Detected, err = p.watch.named(named, injected, p.res.Want); err != nil {
		return fmt.Errorf("not named: %w", err)
	}
	if p.res.Lift == nil {
		return nil
	}
	return sleep(ctx, holdTime)
}

// endure lets the fault go on for a while: nothing but a wanted cause may be
// named.
func (p *play) endure(ctx context.Context, injected time.Time) error {
	if err := sleep(ctx, absorbTime); err != nil {
		return err
	}
	for _, s := range p.watch.since(injected) {
		if s.cause == (Want{}) {
			continue
		}
		if !p.res.wants(s.cause) {
			return fmt.Errorf("not absorbed: status said %s: %s", s, s.detail)
		}
		if p.res.Detected == 0 {
			p.res.Detected = s.at.Sub(injected)
		}
	}
	return nil
}

func (r *Result) wants(cause Want) bool {
	for _, w := range r.Want {
		if w == cause {
			return true
		}
	}
	return len(r.Want) == 0 && r.Passes
}

// recover waits until all is well again.
func (p *play) recover(ctx context.Context, over time.Time) (err error) {
	ctx, cancel := context.WithTimeout(ctx, recoverTime)
	defer cancel()
	if p.res.Recovered, err = p.watch.well(ctx, over); err != nil {
		return fmt.Errorf("not back: %w", err)
	}
	return nil
}

// finish counts the messages and looks for what is left over. The stream ends
// first: its notifications are work for the daemon.
func (p *play) finish(ctx context.Context) error {
	if p.stream != nil {
		t, err := p.stream.finish(ctx)
		p.res.Sent, p.res.Lost, p.res.Duplicated = t.sent, t.lost, t.duplicated
		if err != nil {
			return fmt.Errorf("counting messages: %w", err)
		}
	}
	if err := p.told(ctx); err != nil {
		return fmt.Errorf("the office was not told: %w", err)
	}
	if p.res.Inject == nil {
		return nil // there was no time before the fault to compare with
	}
	settled, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	err := lab.Poll(settled, time.Second, func() error {
		after, err := leaks.Take(ctx, p.Lab, p.Running())
		if err != nil {
			return err
		}
		if p.res.Leaks = p.res.leaks(p.before.Diff(after)); len(p.res.Leaks) > 0 {
			return errors.New(strings.Join(p.res.Leaks, "; "))
		}
		return nil
	})
	if len(p.res.Leaks) > 0 {
		return nil // it is what the row shows
	}
	return err
}

// leaks is what is left over of it and should not be.
func (r *Result) leaks(left []string) []string {
	return slices.DeleteFunc(left, func(line string) bool { return r.Stays != "" && strings.Contains(line, r.Stays) })
}

// count asks the capture, however the row went.
func (p *play) count(ctx context.Context) {
	seen, err := p.Capture.Report(context.WithoutCancel(ctx))
	if err != nil {
		p.res.Err = errors.Join(p.res.Err, err)
		return
	}
	p.res.Trap = len(seen.Trap) + len(seen.Names) + len(seen.Strays)
	if !seen.Clean() {
		p.res.Err = errors.Join(p.res.Err, errors.New(seen.String()))
	}
}

// logsEnv names a directory that keeps the logs of rows that fail.
const logsEnv = "EDGEAGENT_FAULT_LOGS"

func (p *play) keepLogs() {
	dir := os.Getenv(logsEnv)
	if dir == "" {
		return
	}
	to := dir + "/" + strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, p.res.Name)
	_ = os.RemoveAll(to) // of an earlier run; CopyFS then says so
	if err := os.CopyFS(to, os.DirFS(p.Dir+"/log")); err != nil {
		p.res.Err = errors.Join(p.res.Err, fmt.Errorf("keeping the logs: %w", err))
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
