// Package field breaks a gateway in the lab in the ways in which they break in
// the field, and writes down what the real program says of it: `edgeagent
// status`, `edgeagent check`, and how long it took to say so.
package field

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"edgeagent/internal/check"
	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// limit is how long a situation may take to be named: OpenVPN's own timers are
// within it.
const limit = 90 * time.Second

// Situation is one way to be broken, and the stage and reason that is its root
// cause.
type Situation struct {
	Name    string
	How     string // what is done to the lab, for the report
	Options lab.Options
	// Before is done before the agent starts; nil: nothing.
	Before func(ctx context.Context, f *Field) error
	// Break is done once all is well; nil: the lab is broken from the start.
	Break func(ctx context.Context, f *Field) error
	Mend  func(ctx context.Context, f *Field) error // what brings it back; nil: nothing in the lab does

	Stage  string
	Reason status.Reason
	// Check is the first check that must be an error or a warning, "" if all
	// must be well.
	Check string
}

// Field is a lab with the agent in it.
type Field struct {
	*lab.Lab
	Agent *lab.Agent
	bin   string
}

// Result is what was seen.
type Result struct {
	Situation
	Detected  time.Duration // until status named the root cause
	Recovered time.Duration // from Mend until all was well; 0 without one
	Screen    string        // edgeagent status
	Found     check.Result  // the first check that was not well
	Checked   time.Duration // how long the check took
	Trap      int           // packets that left in the open
}

// impatient saves the probes' minutes: what is measured here is what is said.
var impatient = map[string]string{"probe.interval": "2s", "probe.suspect_interval": "1s", "probe.timeout": "500ms"}

// Run plays one situation with the program bin. The error is a lab that did not
// work, or a situation that was not named as it should.
func (s Situation) Run(ctx context.Context, bin string) (r Result, err error) {
	r.Situation = s
	config := maps.Clone(impatient)
	maps.Copy(config, s.Options.Config)
	s.Options.Config = config
	l, err := lab.Start(ctx, s.Options)
	if err != nil {
		return r, err
	}
	defer func() {
		if closeErr := l.Close(); err == nil {
			err = closeErr
		}
	}()
	f := &Field{Lab: l, bin: bin}
	if err := f.begin(ctx, s); err != nil {
		return r, err
	}
	began := time.Now()
	if s.Break != nil {
		if err := s.Break(ctx, f); err != nil {
			return r, fmt.Errorf("breaking it: %w", err)
		}
	}
	if err := f.name(ctx, &r, began); err != nil {
		return r, err
	}
	r.plain(l.Dir)
	if err := f.recover(ctx, &r); err != nil {
		return r, err
	}
	seen, err := l.Capture.Report(ctx)
	if err != nil {
		return r, err
	}
	r.Trap = len(seen.Trap) + len(seen.Names) + len(seen.Strays)
	return r, nil
}

// plain names the lab's files as they are named on a gateway: where a lab was is
// nobody's business.
func (r *Result) plain(dir string) {
	for _, text := range []*string{&r.Screen, &r.Found.Finding, &r.Found.Fix} {
		*text = strings.NewReplacer(dir+"/device/run", "/run/edgeagent", dir+"/device", "/etc/edgeagent", dir, "/etc/edgeagent").Replace(*text)
	}
}

// begin starts the agent, and waits for all to be well if that is to come first.
func (f *Field) begin(ctx context.Context, s Situation) (err error) {
	if s.Before != nil {
		if err := s.Before(ctx, f); err != nil {
			return err
		}
	}
	if f.Agent, err = f.StartAgent(f.bin); err != nil || s.Break == nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return f.Agent.WaitOK(ctx)
}

// name waits until status names the root cause, and asks the check.
func (f *Field) name(ctx context.Context, r *Result, began time.Time) error {
	waitCtx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := f.until(waitCtx, r.Situation); err != nil {
		return err
	}
	r.Detected = time.Since(began)
	var err error
	if r.Screen, _, err = f.Edgeagent(ctx, f.bin, "status"); err != nil {
		return err
	}
	checked := time.Now()
	out, _, err := f.Edgeagent(ctx, f.bin, "check", "--json", "--config", f.ConfigFile())
	if err != nil {
		return err
	}
	r.Checked = time.Since(checked)
	var report check.Report
	if err := json.Unmarshal([]byte(out), &report); err != nil {
		return fmt.Errorf("reading the check's report %q: %w", out, err)
	}
	r.Found = first(report)
	return nil
}

// first is the first check that is not well, errors before warnings. The lab's
// clock has no time server, which is not what is looked for.
func first(r check.Report) check.Result {
	for _, state := range []check.State{check.Error, check.Warning} {
		for _, c := range r.Checks {
			if c.State == state && c.ID != "clock" {
				return c
			}
		}
	}
	return check.Result{}
}

// until waits for the status to name the root cause first.
func (f *Field) until(ctx context.Context, s Situation) error {
	last := "nothing"
	for tick := time.Tick(20 * time.Millisecond); ; {
		named, said := f.names(ctx, s)
		if named {
			return nil
		}
		if ctx.Err() == nil { // or it was the question that was cut off
			last = said
		}
		select {
		case <-tick:
		case <-ctx.Done():
			return fmt.Errorf("status never named %s %s; at last it said %s", s.Stage, s.Reason, last)
		}
	}
}

// names reports whether the status names the root cause, and what it says.
func (f *Field) names(ctx context.Context, s Situation) (bool, string) {
	snapshot, err := f.Agent.Peek(ctx)
	if err != nil {
		return s.Stage == "daemon", err.Error()
	}
	first := snapshot.FixFirst
	if first == nil {
		return s.Stage == "", "that all is well"
	}
	return first.Stage == s.Stage && first.Reason == s.Reason, fmt.Sprintf("%s %s: %s", first.Stage, first.Reason, first.Detail)
}

// recover mends what was broken and waits for all to be well.
func (f *Field) recover(ctx context.Context, r *Result) error {
	if r.Mend == nil {
		return nil
	}
	if err := r.Mend(ctx, f); err != nil {
		return fmt.Errorf("mending it: %w", err)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := f.Agent.WaitOK(ctx); err != nil {
		return fmt.Errorf("it does not come back: %w", err)
	}
	r.Recovered = time.Since(began)
	return nil
}
