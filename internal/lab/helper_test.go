package lab

import (
	"context"
	"os"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// testTimeout bounds every wait of a test that has no reason to wait longer.
const testTimeout = 30 * time.Second

// hangLimit is past what any test takes, and long before the limit of the
// package, which would take all the other tests along without a name.
const hangLimit = 6 * time.Minute

// start starts a lab for a test, which ends with it. If the test fails, the
// ends of the lab's logs are printed.
func start(t *testing.T, opts Options) *Lab {
	t.Helper()
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	if os.Getenv(slowEnv) == "" {
		watchdog := time.AfterFunc(hangLimit, func() {
			debug.SetTraceback("all")
			panic(t.Name() + " hangs")
		})
		t.Cleanup(func() { watchdog.Stop() })
	}
	l, err := Start(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs(t, l)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func logs(t *testing.T, l *Lab) {
	entries, err := os.ReadDir(l.path("log"))
	if err != nil {
		t.Log(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(l.path("log", e.Name()))
		if err != nil {
			t.Log(err)
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		t.Logf("%s:\n%s", e.Name(), strings.Join(lines[max(0, len(lines)-30):], "\n"))
	}
}

// within returns a context for one wait.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func report(t *testing.T, l *Lab) TrapReport {
	t.Helper()
	r, err := l.Capture.Report(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
