package machine

import (
	"context"
	"fmt"
	"strings"

	"edgeagent/internal/lab"
)

// Journal returns the journal of a unit, of all of them for "", with all boots
// that are on the disk; the last lines come last. It works on a machine that
// is off, too.
func (m *Machine) Journal(ctx context.Context, unit string) (string, error) {
	args := []string{"journalctl", "--no-pager", "--quiet", "--output=short-precise"}
	if unit != "" {
		args = append(args, "--unit="+unit)
	}
	// A machine that is off has lost what was in /run: what is on its disk is all.
	if leader, err := m.leader(); err == nil && leader == 0 {
		args = append(args, "--directory=/var/log/journal")
	}
	r, err := m.Run(ctx, args...)
	return r.Output, err
}

// Property returns a property of a unit, such as ActiveState or MainPID; see
// systemctl(1), show.
func (m *Machine) Property(ctx context.Context, unit, name string) (string, error) {
	return m.Check(ctx, "systemctl", "show", "--value", "--property="+name, unit)
}

// WaitProperty waits until a property of a unit has a value.
func (m *Machine) WaitProperty(ctx context.Context, unit, name, want string) error {
	err := lab.Poll(ctx, pollEvery, func() error {
		got, err := m.Property(ctx, unit, name)
		if err == nil && got != want {
			err = fmt.Errorf("it is %q", got)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting for %s of %s to be %q: %w", name, unit, want, err)
	}
	return nil
}

// WaitActive waits until a unit is active.
func (m *Machine) WaitActive(ctx context.Context, unit string) error {
	return m.WaitProperty(ctx, unit, "ActiveState", "active")
}

// WaitLine waits until the journal of a unit has a line that holds text, and
// returns it.
func (m *Machine) WaitLine(ctx context.Context, unit, text string) (line string, err error) {
	err = lab.Poll(ctx, pollEvery, func() error {
		journal, err := m.Journal(ctx, unit)
		if err != nil {
			return err
		}
		for line = range strings.Lines(journal) {
			if strings.Contains(line, text) {
				line = strings.TrimSuffix(line, "\n")
				return nil
			}
		}
		return fmt.Errorf("its last line is %q", line)
	})
	if err != nil {
		return "", fmt.Errorf("waiting for %q in the journal of %s: %w", text, unit, err)
	}
	return line, nil
}
