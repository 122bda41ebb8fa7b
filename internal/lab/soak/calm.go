package soak

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/control"
	"edgeagent/internal/lab"
	"edgeagent/internal/lab/faults"
	"edgeagent/internal/status"
)

// When all is well, and how long that may take. OpenVPN's own timers are within
// the bound: 20 s until it notices, tries 30 s apart. Where the fault matrix names
// a timer of the world's own, such as a rival's who must be let go first, it is
// worldBound.
const (
	askEvery   = 100 * time.Millisecond
	askTimeout = 2 * time.Second
	steady     = 2 * time.Second
	wellBound  = 2 * time.Minute
	worldBound = 5 * time.Minute
	hopeless   = 10 * time.Minute // it is not waited for longer
	// suspects is how long the agent, once another device has used its client id,
	// takes a broker's close for that device's again, and waits for it to go.
	suspects = 10 * time.Minute
)

// vpcPrefix begins every address of the lab's VPC.
const vpcPrefix = "10.0."

// calm waits until all is well again after a round, looks at what it may not have
// done, and measures what the agent holds once the round is put away.
func (s *soak) calm(ctx context.Context, r round) error {
	after := r.names()
	s.meet(r)
	took, err := s.served(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch {
	case err != nil:
		s.red("%s: not well again within %s: %v", after, hopeless, err)
		s.stuck = true
		return nil
	case took > s.bound(r):
		s.red("%s: well again after %.1f s only", after, took.Seconds())
	}
	if took > slow {
		s.tellWaits()
	}
	s.result.Recoveries = append(s.result.Recoveries, Recovery{after, took})
	if err := s.look(ctx, after); err != nil {
		return err
	}
	s.putAway(ctx, r)
	if _, err := s.well(ctx, idle); err != nil && ctx.Err() == nil {
		s.red("%s: still at work afterwards: %v", after, err)
		s.stuck = true
		return nil
	}
	return s.measure(ctx, took)
}

// meet notes whether another device with the same client id was in the round.
func (s *soak) meet(r round) {
	if slices.ContainsFunc(r.steps, func(step step) bool { return isRival(step.row) }) {
		s.rivalry = time.Now()
	}
}

// bound is how long it may take until all is well again after the round.
func (s *soak) bound(r round) time.Duration {
	suspected := !s.rivalry.IsZero() && time.Since(s.rivalry) < suspects
	if suspected || slices.ContainsFunc(r.steps, func(step step) bool { return step.row.World != "" }) {
		return worldBound
	}
	return wellBound
}

// isRival reports whether the row is another device with the same client id.
func isRival(row faults.Row) bool {
	return len(row.Want) > 0 && row.Want[0].Reason == status.ReasonTakenOver
}

// served waits until all is well, other programs on the device find the endpoint
// and a message has come through, neither of which need be so with a loss that has
// still to be noticed. It returns when all of it began.
func (s *soak) served(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, hopeless)
	defer cancel()
	s.waits = nil
	began, read := time.Now(), size(s.BrokerLog())
	for late := time.Duration(0); ; late = time.Since(began) {
		took, err := s.well(ctx, well)
		if err != nil {
			return 0, err
		}
		if !acknowledged(s.BrokerLog(), read) {
			s.waitsFor("a message to come through")
			continue
		}
		out, err := s.Device.Run(ctx, "getent", "ahostsv4", lab.EndpointHost)
		if err == nil && strings.HasPrefix(out, vpcPrefix) {
			return late + took, nil
		}
		if ctx.Err() != nil {
			return 0, fmt.Errorf("another program finds %q: %w", out, err)
		}
		if err == nil {
			s.red("another program finds %q", out)
		}
	}
}

// look asks what the agent has let out.
func (s *soak) look(ctx context.Context, after string) error {
	r, err := s.Capture.Report(ctx)
	if err != nil {
		return err
	}
	if seen := len(r.Trap) + len(r.Names) + len(r.Strays); seen > s.seen {
		s.red("%s: in the open: %s", after, r)
		s.seen = seen
	}
	s.result.Trap, s.result.Frames = s.seen, r.Frames
	return nil
}

// measure adds what the agent holds to the result.
func (s *soak) measure(ctx context.Context, took time.Duration) error {
	text, err := control.NewClient(s.RuntimeDir() + "/control.sock").Metrics(ctx)
	if err != nil {
		return err
	}
	f := Figures{At: time.Since(s.began), PID: s.Agent.PID()}
	for line := range strings.Lines(string(text)) {
		_, _ = fmt.Sscanf(line, "edgeagent_resident_memory_bytes %g", &f.Resident) // another line
		_, _ = fmt.Sscanf(line, "edgeagent_open_fds %d", &f.FDs)
		_, _ = fmt.Sscanf(line, "edgeagent_goroutines %d", &f.Goroutines)
	}
	if f.Resident == 0 || f.FDs == 0 || f.Goroutines == 0 {
		return fmt.Errorf("the daemon's metrics do not say what it holds: %+v", f)
	}
	s.result.Figures = append(s.result.Figures, f)
	s.say("= well after %.1f s; %.1f MB, %d descriptors, %d goroutines", took.Seconds(), f.Resident/1e6, f.FDs, f.Goroutines)
	return nil
}

// well waits until the status has been as wanted for a while, and returns when
// that began.
func (s *soak) well(ctx context.Context, wanted func(status.Snapshot) error) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, hopeless)
	defer cancel()
	began := time.Now()
	since := time.Time{}
	err := lab.Poll(ctx, askEvery, func() error {
		s.supervise()
		askCtx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		now, err := s.Agent.Peek(askCtx)
		if err == nil {
			err = wanted(now)
		}
		if err != nil {
			s.waitsFor(err.Error())
			since = time.Time{}
			return err
		}
		if since.IsZero() {
			since = time.Now()
		}
		if time.Since(since) < steady {
			return errors.New("not for long")
		}
		return nil
	})
	return since.Sub(began), err
}

// supervise starts the daemon again if it has ended, as systemd does.
func (s *soak) supervise() {
	select {
	case <-s.Agent.Done():
	default:
		return
	}
	s.red("the daemon has ended by itself: %v", s.Agent.Err())
	if a, err := s.StartAgent(s.Options.Bin); err == nil {
		s.Agent = a
	}
}

// well wants every stage of the path to be usable. A path that has gone over to
// the SIM is well; so is a tunnel stage that tells of the last notification which
// it refused.
func well(now status.Snapshot) error {
	for _, c := range now.Stages {
		fine := c.State == status.OK || c.State == status.Degraded && (c.Stage == "tunnel" || c.Reason == status.ReasonFailover)
		if !fine {
			return fmt.Errorf("%s is %s %s: %s", c.Stage, c.State, c.Reason, c.Detail)
		}
	}
	if len(now.Stages) < 5 {
		return errors.New("the path is not there yet")
	}
	return nil
}

// idle wants no tunnel to be left as well.
func idle(now status.Snapshot) error {
	if err := well(now); err != nil {
		return err
	}
	c, _ := now.Stage("tunnel")
	if open, _ := c.Facts["open"].([]any); len(open) > 0 {
		return fmt.Errorf("%d tunnels are open", len(open))
	}
	return nil
}

// whole wants the preferred link to carry and the SIM to stand by as well.
func whole(now status.Snapshot) error {
	if err := idle(now); err != nil {
		return err
	}
	c, _ := now.Stage("link")
	if c.State != status.OK || c.Facts["link"] != "vpn" {
		return fmt.Errorf("%v carries: %s", c.Facts["link"], c.Detail)
	}
	links, _ := c.Facts["links"].([]any)
	for _, l := range links {
		m, _ := l.(map[string]any)
		if m["name"] == "canal" && (m["reason"] != string(status.ReasonStandby) || m["device"] == "") {
			return fmt.Errorf("the SIM does not stand by: %v", m["reason"])
		}
	}
	return nil
}

// whole waits for that; it is red if it takes too long.
func (s *soak) whole(ctx context.Context, when string) error {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	took, err := s.well(ctx, whole)
	if err != nil {
		s.red("%s: not all is as it was: %v", when, err)
		s.stuck = true
		return nil
	}
	s.say("= all as it should be after %.1f s", took.Seconds())
	return nil
}
