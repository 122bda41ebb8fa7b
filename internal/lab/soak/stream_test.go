package soak

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// program is the agent under test; one is built unless the environment names it.
func program(t *testing.T) string {
	t.Helper()
	bin, err := lab.Program(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return bin
}

// TestStream has a real broker that keeps its messages count the stream across its
// restart: none is lost, and one that nobody has acknowledged would be counted.
func TestStream(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Options{BrokerKeeps: true})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	a, err := l.StartAgent(program(t))
	must(t, err)
	must(t, a.WaitOK(ctx))
	s := startStream(ctx, l)
	t.Cleanup(s.stop)
	must(t, atLeast(ctx, s, 2))
	must(t, l.RestartBroker(ctx))
	must(t, atLeast(ctx, s, 4))
	s.stop()
	must(t, lab.Poll(ctx, 100*time.Millisecond, func() error {
		if n := count(t, l).lost(s.taken); n > 0 {
			return fmt.Errorf("%d of %d messages lost", n, s.sent)
		}
		return nil
	}))
	s.taken[lengths-1]++ // one that the broker never had
	if n := count(t, l).lost(s.taken); n != 1 {
		t.Errorf("%d messages lost, want one", n)
	}
}

// atLeast waits until the broker has taken so many messages.
func atLeast(ctx context.Context, s *stream, n int) error {
	return lab.Poll(ctx, 100*time.Millisecond, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.sent < n {
			return fmt.Errorf("%d messages", s.sent)
		}
		return nil
	})
}

func count(t *testing.T, l *lab.Lab) ledger {
	t.Helper()
	log, err := os.Open(l.BrokerLog())
	must(t, err)
	defer log.Close()
	c, err := readLedger(log)
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
