package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// asLabctl makes the test binary behave as labctl itself.
const asLabctl = "EDGEAGENT_LABCTL_TEST"

func TestMain(m *testing.M) {
	if os.Getenv(asLabctl) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func labctl(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0], args...)
	cmd.Env = append(os.Environ(), asLabctl+"=1")
	return cmd
}

func TestWrongUsage(t *testing.T) {
	for _, args := range [][]string{{}, {"no"}, {"demo"}, {"bench"}, {"bench", "-no"}, {"bench", "a", "b"}, {"up", "a", "b"}, {"soak"}, {"soak", "-for", "0s", "x"}, {"sweep", "x"}} {
		var stderr bytes.Buffer
		cmd := labctl(t.Context(), args...)
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		if err := cmd.Run(); !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Errorf("%v: %v, want exit code 2", args, err)
		}
		if !strings.Contains(stderr.String(), "usage: labctl up") {
			t.Errorf("%v: no usage in %q", args, stderr.String())
		}
	}
}

// labOf returns the labs that a process runs.
func labsOf(t *testing.T, pid int) []lab.State {
	t.Helper()
	all, err := lab.Labs()
	if err != nil {
		t.Fatal(err)
	}
	var own []lab.State
	for _, s := range all {
		if s.PID == pid {
			own = append(own, s)
		}
	}
	return own
}

// nothingLeft fails unless the directory and the processes of a lab are gone.
func nothingLeft(t *testing.T, s lab.State) {
	t.Helper()
	if _, err := os.Stat(s.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", s.Dir, err)
	}
	for name, pid := range s.Nodes {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("node %s is left as process %d: %v", name, pid, err)
		}
	}
}

func TestUpIsTakenDownBySignals(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		t.Run(sig.String(), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			cmd := labctl(ctx, "up")
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			readUntil(t, out, "Ctrl-C takes everything down")
			labs := labsOf(t, cmd.Process.Pid)
			if len(labs) != 1 {
				t.Fatalf("labs while up: %v, want one", labs)
			}
			if err := cmd.Process.Signal(sig); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Wait(); err != nil {
				t.Errorf("labctl up ended with %v, want exit code 0", err)
			}
			nothingLeft(t, labs[0])
		})
	}
}

func TestShellEntersTheDevice(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	l, err := lab.Start(t.Context(), lab.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	// Other labs may be up on this machine; a later one would be entered.
	if err := os.Chtimes(l.Dir, time.Time{}, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	out, err := labctl(t.Context(), "shell", "device", "hostname").CombinedOutput()
	if err != nil || string(out) != lab.Thing+"\n" {
		t.Errorf("got %q, %v; want the device's host name", out, err)
	}
	out, err = labctl(t.Context(), "shell", "nowhere").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "device, uplink or vpc") {
		t.Errorf("an unknown node: %q, %v; want an error that names those there are", out, err)
	}
}

// TestDemoFailsWithTheAgent runs the demo with programs that are no agent: it
// must fail, and leave nothing.
func TestDemoFailsWithTheAgent(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	ends := script(t, "echo cannot do that >&2; exit 2")
	for name, bin := range map[string]string{"absent": "/nonexistent/edgeagent", "ends": ends} {
		t.Run(name, func(t *testing.T) {
			cmd := labctl(t.Context(), "demo", bin)
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &out
			err := cmd.Run()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Errorf("%v, want exit code 1", err)
			}
			if !strings.Contains(out.String(), "the demo FAILED") || strings.Contains(out.String(), "\nOK:") {
				t.Errorf("no verdict of failure in:\n%s", out.String())
			}
			if labs := labsOf(t, cmd.Process.Pid); len(labs) > 0 {
				t.Errorf("left behind: %v", labs)
			}
		})
	}
}

func script(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "edgeagent")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return file
}

func readUntil(t *testing.T, r interface{ Read([]byte) (int, error) }, want string) {
	t.Helper()
	var text []byte
	buf := make([]byte, 4096)
	for !bytes.Contains(text, []byte(want)) {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		if err != nil {
			t.Fatalf("%v before %q in:\n%s", err, want, text)
		}
	}
}

// In a shell of the device the program is found by its name, from wherever the
// lab was started.
func TestOfferedProgramIsFound(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "device"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(os.Args[0]))
	if err := offer(filepath.Base(os.Args[0]), dir); err != nil {
		t.Fatal(err)
	}
	t.Chdir("/")
	t.Setenv("PATH", filepath.Join(dir, "device"))
	if found, err := exec.LookPath("edgeagent"); err != nil {
		t.Errorf("%s: %v", found, err)
	}
}
