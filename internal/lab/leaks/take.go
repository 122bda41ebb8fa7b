package leaks

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/control"
	"edgeagent/internal/lab"
)

// Patience of Take. Whatever is only on its way, a question to a resolver or a
// status command, is over well within the pause.
const (
	quietPause = 400 * time.Millisecond // between two takings
	quietLimit = 20 * time.Second       // until two agree
)

// Take counts what the agent a and the device of l hold, once two countings in a
// row agree. The error says what kept changing if that takes over 20 s.
func Take(ctx context.Context, l *lab.Lab, a *lab.Agent) (Census, error) {
	ctx, cancel := context.WithTimeout(ctx, quietLimit)
	defer cancel()
	var last Census
	err := lab.Poll(ctx, quietPause, func() error {
		before := last
		var err error
		if last, err = take(ctx, l, a); err != nil {
			return err
		}
		if changes := append(before.Diff(last), last.Diff(before)...); len(changes) > 0 {
			return fmt.Errorf("still changing: %s", strings.Join(changes, "; "))
		}
		return nil
	})
	if err != nil {
		return Census{}, fmt.Errorf("counting what the agent holds: %w", err)
	}
	return last, nil
}

// take counts once, one kind after the other: the programs that count would be
// counted.
func take(ctx context.Context, l *lab.Lab, a *lab.Agent) (Census, error) {
	c := Census{PID: a.PID()}
	for _, count := range []func() error{
		func() error { return c.processes(l, a.PID()) },
		func() error { return c.descriptors(a.PID()) },
		func() error { return c.figures(ctx, l) },
		func() error { return c.network(ctx, l) },
		func() error { return c.files(l) },
	} {
		if err := count(); err != nil {
			return Census{}, err
		}
	}
	return c, nil
}

// figures are what only the daemon itself knows.
func (c *Census) figures(ctx context.Context, l *lab.Lab) error {
	text, err := control.NewClient(filepath.Join(l.RuntimeDir(), "control.sock")).Metrics(ctx)
	if err != nil {
		return err
	}
	goroutines, err := metric(string(text), "edgeagent_goroutines")
	if err != nil {
		return err
	}
	resident, err := metric(string(text), "edgeagent_resident_memory_bytes")
	if err != nil {
		return err
	}
	c.Goroutines, c.Resident = int(goroutines), int64(resident)
	c.addN(goroutine, "of the daemon", c.Goroutines)
	return nil
}

// metric finds a figure without labels in Prometheus' text format.
func metric(text, name string) (float64, error) {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, name+" "); ok {
			return strconv.ParseFloat(strings.TrimSpace(value), 64)
		}
	}
	return 0, fmt.Errorf("the daemon's metrics have no %s", name)
}
