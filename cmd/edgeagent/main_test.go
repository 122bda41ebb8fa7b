package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os/exec"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"edgeagent/internal/config"
	"edgeagent/internal/localproxy"
)

func TestExitStatus(t *testing.T) {
	faults := config.Errors{{File: "a.yaml", Line: 3, Key: "log", Message: "bad"}, {File: "a.yaml", Line: 4, Message: "worse"}}
	tests := []struct {
		name string
		err  error
		code int
		want string
	}{
		{"none", nil, 0, ""},
		{"plain", errors.New("first\nsecond"), 1, "edgeagent: first\nedgeagent: second\n"},
		{"silent", &exitError{status: 3}, 3, ""},
		{"with words", &exitError{2, errors.New("wrong")}, 2, "edgeagent: wrong\n"},
		{"configuration", &exitError{2, fmt.Errorf("%w", faults)}, 2, "a.yaml:3: log: bad\na.yaml:4: worse\n"},
		{"localproxy", &localproxy.ExitError{Code: 10, Err: errors.New("denied")}, 10, "edgeagent: denied\n"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		if code := exitStatus(tt.err, &out); code != tt.code || out.String() != tt.want {
			t.Errorf("%s: status %d, %q; want %d, %q", tt.name, code, &out, tt.code, tt.want)
		}
	}
}

// The exit status of a program that was run is not this program's own.
func TestActionHidesForeignStatus(t *testing.T) {
	f := action(func(*cobra.Command, []string) error {
		return fmt.Errorf("running it: %w", exec.CommandContext(t.Context(), "sh", "-c", "exit 3").Run())
	})
	if code := exitStatus(f(nil, nil), new(bytes.Buffer)); code != exitNotOK {
		t.Errorf("exit status %d", code)
	}
}

func TestExplainRoot(t *testing.T) {
	refused := fmt.Errorf("restoring: %w", fs.ErrPermission)
	want := "restoring: permission denied\nthis needs root: sudo edgeagent resolver apply"
	if got := explainRoot(refused, 1000, "edgeagent resolver apply"); !errors.Is(got, fs.ErrPermission) || got.Error() != want {
		t.Errorf("got %v", got)
	}
	for _, err := range []error{nil, errors.New("other")} {
		if got := explainRoot(err, 1000, "x"); got != err {
			t.Errorf("%v became %v", err, got)
		}
	}
	if got := explainRoot(refused, 0, "x"); got != refused {
		t.Errorf("root is told to become root: %v", got)
	}
}

func TestDaemonDir(t *testing.T) {
	here := t.TempDir()
	t.Chdir(here)
	tests := []struct{ flag, env, want string }{
		{"", "", "/default"},
		{"", "/run/first:/run/second", "/run/first"},
		{"/flag", "/run/first", "/flag"},
		{"flag", "", here + "/flag"},
	}
	for _, tt := range tests {
		t.Setenv("SOME_DIRECTORY", tt.env)
		if got, err := daemonDir(tt.flag, "SOME_DIRECTORY", "/default"); got != tt.want || err != nil {
			t.Errorf("%+v: %s, %v", tt, got, err)
		}
	}
}

func TestVersion(t *testing.T) {
	defer func(v, b string) { version, built = v, b }(version, built)
	version, built = "0.1.0", "2026-11-21T08:30:00+09:00"
	if got := programVersion(); got != "0.1.0" {
		t.Errorf("version %q", got)
	}
	if got := buildTime(); !got.Equal(time.Date(2026, 11, 20, 23, 30, 0, 0, time.UTC)) {
		t.Errorf("built %s", got)
	}
	if got := builtOn(buildTime()); got != ", source of 2026-11-20" {
		t.Errorf("%q", got)
	}
	version, built = "", "yesterday"
	if got := programVersion(); got == "" {
		t.Error("no version")
	}
	if setting("vcs.time") == "" && (!buildTime().IsZero() || builtOn(buildTime()) != "") {
		t.Errorf("a build without a time was built %s", buildTime())
	}
}
