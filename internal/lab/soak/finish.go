package soak

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/leaks"
)

// finish waits for the path to be as it was at first, and counts: messages, what
// the agent holds, how it ends.
func (s *soak) finish(ctx context.Context) error {
	s.stream.stop()
	if !s.stuck {
		if err := s.goBack(ctx, "the end"); err != nil {
			return err
		}
	}
	if err := s.countMessages(ctx); err != nil {
		return err
	}
	if !s.stuck {
		if err := s.countLeaks(ctx); err != nil {
			return err
		}
	}
	took := s.Agent.Stop()
	if err := s.Agent.Err(); err != nil {
		s.red("the daemon did not end well after SIGTERM: %v", err)
	}
	s.say("stopped after %d ms", took.Milliseconds())
	return s.readLog()
}

// goBack has the path go back to the preferred link, which it would do by itself:
// after five minutes at first, later the longer the more often it has had to go.
func (s *soak) goBack(ctx context.Context, when string) error {
	now, err := s.Agent.Peek(ctx)
	if err != nil {
		return err
	}
	if c, _ := now.Stage("link"); c.Facts["link"] == "canal" {
		s.say("the SIM is hung up and dialled again, for the path to go back")
		s.Canal.HangUp()
		if _, err := s.well(ctx, well); err != nil {
			s.red("%s: the path does not go back: %v", when, err)
		}
		if err := s.Canal.Dial(lab.CanalDevices[0]); err != nil {
			return err
		}
	}
	return s.whole(ctx, when)
}

// countMessages waits for the last messages to arrive.
func (s *soak) countMessages(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTime)
	defer cancel()
	lost := lab.Poll(ctx, time.Second, func() error {
		log, err := os.Open(s.BrokerLog())
		if err != nil {
			return err
		}
		defer log.Close()
		l, err := readLedger(log)
		if err != nil {
			return err
		}
		s.result.Sent, s.result.Lost, s.result.Repeated = s.stream.sent, l.lost(s.stream.taken), l.repeated
		if s.result.Lost > 0 {
			return fmt.Errorf("%d of %d messages have not arrived", s.result.Lost, s.result.Sent)
		}
		return nil
	})
	switch {
	case s.result.Lost > 0:
		s.red("%d of %d messages have not arrived", s.result.Lost, s.result.Sent)
	case lost != nil:
		s.red("messages cannot be counted: %v", lost)
	}
	s.say("%d messages, %d lost, %d sent again", s.result.Sent, s.result.Lost, s.result.Repeated)
	return nil
}

// countLeaks compares with what was held after the first calm.
func (s *soak) countLeaks(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, leakTime)
	defer cancel()
	err := lab.Poll(ctx, time.Second, func() error {
		after, err := leaks.Take(ctx, s.Lab, s.Agent)
		if err != nil {
			return err
		}
		if s.result.Leaks = s.first.Diff(after); len(s.result.Leaks) > 0 {
			return errors.New(strings.Join(s.result.Leaks, "; "))
		}
		return nil
	})
	switch {
	case len(s.result.Leaks) > 0:
		s.red("left behind: %s", strings.Join(s.result.Leaks, "; "))
	case err != nil:
		s.red("what is left behind cannot be counted: %v", err)
	}
	return nil
}

// readLog looks for what a daemon says that does not end as it should.
func (s *soak) readLog() error {
	text, err := os.ReadFile(s.Agent.Log)
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		for _, word := range []string{"panic: ", "fatal error: ", "WARNING: DATA RACE"} {
			if strings.HasPrefix(line, word) {
				s.red("the daemon's log: %s", strings.TrimSpace(line))
			}
		}
	}
	return nil
}
