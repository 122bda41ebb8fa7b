package machine

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/rootfs"
)

// osTestsEnv is set by `make test-os`. Without it no machine is booted: the
// root file systems alone take a minute and a mirror.
const osTestsEnv = "EDGEAGENT_OS_TESTS"

// testTimeout bounds every wait of a test that has no reason to wait longer.
const testTimeout = 2 * time.Minute

// system says what a test boots.
type system struct {
	Release  string
	HostMode rootfs.HostMode
	Packages []string // besides those of the host mode
	Lab      lab.Options
	Machine  Options
}

// needsMachine skips a test that no machine can be booted for.
func needsMachine(t *testing.T) {
	t.Helper()
	if os.Getenv(osTestsEnv) == "" {
		t.Skip("run by make test-os")
	}
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	if why := rootfs.Unavailable(); why != "" {
		t.Skip(why)
	}
}

// eachRelease runs a test on Debian 12 and 13, beside the others: much of it is
// waiting.
func eachRelease(t *testing.T, test func(t *testing.T, release string)) {
	needsMachine(t)
	t.Parallel()
	for _, release := range []string{rootfs.Bookworm, rootfs.Trixie} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			test(t, release)
		})
	}
}

// off makes a lab and a machine in it that is off. Both end with the test, and
// if it failed the ends of their logs are printed.
func off(t *testing.T, s system) *Machine {
	t.Helper()
	needsMachine(t)
	root, err := rootfs.Build(t.Context(), rootfs.Options{
		Release: s.Release, Packages: append(s.HostMode.Packages(s.Release), s.Packages...),
	})
	must(t, err)
	s.Lab.BareDevice = true
	l, err := lab.Start(t.Context(), s.Lab)
	must(t, err)
	t.Cleanup(func() { must(t, l.Close()) })
	s.Machine.Root = root
	m, err := New(t.Context(), l, s.Machine)
	must(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			logs(t, m)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// boot is off and PowerOn.
func boot(t *testing.T, s system) *Machine {
	t.Helper()
	m := off(t, s)
	must(t, m.PowerOn(within(t, testTimeout)))
	return m
}

// logs prints what one wants to see of a machine whose test failed.
func logs(t *testing.T, m *Machine) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	console, _ := os.ReadFile(m.Console())
	t.Logf("console:\n%s", lastLines(string(console), 20))
	journal, err := m.Journal(ctx, "")
	t.Logf("journal (%v):\n%s", err, lastLines(journal, 80))
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// within returns a context for one wait.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sh runs a shell script in the machine, which must succeed, and returns its output.
func sh(t *testing.T, m *Machine, script string) string {
	t.Helper()
	out, err := m.Check(within(t, testTimeout), "sh", "-c", script)
	must(t, err)
	return out
}
