package handover

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// patience bounds waits for real processes.
const patience = 20 * time.Second

// start starts a shell script as a child.
func start(t *testing.T, script string) *Process {
	t.Helper()
	p, err := Start(exec.Command("/bin/sh", "-c", script))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestProcessEnds(t *testing.T) {
	p := start(t, "exit 7")
	if err := p.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	if s := p.Reap(); s.ExitStatus() != 7 {
		t.Errorf("status %v", s)
	}
	if err := syscall.Kill(p.PID, 0); err != syscall.ESRCH {
		t.Errorf("it is left: %v", err)
	}
}

// A wait that was given up leaves the process for another who knows its pid.
func TestProcessIsAdopted(t *testing.T) {
	p := start(t, "sleep 1000")
	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("left")
	go cancel(why)
	if err := p.Wait(ctx); err != why {
		t.Errorf("Wait returned %v, want the cause", err)
	}
	p.Close()
	q, err := Adopt(p.PID, p.Started)
	if err != nil {
		t.Fatal(err)
	}
	if s := q.End(patience); s.Signal() != syscall.SIGTERM {
		t.Errorf("status %v", s)
	}
}

// One that ended while nobody watched is still there to be reaped.
func TestZombieIsAdopted(t *testing.T) {
	p := start(t, "exit 3")
	if err := p.Wait(within(t)); err != nil {
		t.Fatal(err)
	}
	p.Close()
	q, err := Adopt(p.PID, p.Started)
	if err != nil {
		t.Fatal(err)
	}
	if s := q.Reap(); s.ExitStatus() != 3 {
		t.Errorf("status %v", s)
	}
}

func TestStrangersAreNotAdopted(t *testing.T) {
	p := start(t, "sleep 1000")
	defer p.End(0)
	if _, err := Adopt(p.PID, p.Started+1); !errors.Is(err, errStranger) {
		t.Errorf("another start time: %v", err)
	}
	if _, err := Adopt(1, 0); !errors.Is(err, errStranger) {
		t.Errorf("no child: %v", err)
	}
}

func TestEndInsists(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("/bin/sh", "-c", "trap '' TERM; echo ready; exec sleep 1000")
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(make([]byte, 16)); err != nil {
		t.Fatal(err)
	}
	if s := p.End(10 * time.Millisecond); s.Signal() != syscall.SIGKILL {
		t.Errorf("status %v", s)
	}
}

func TestParseStat(t *testing.T) {
	fields := " S 42 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0"
	for _, name := range []string{"sh", "a) S 1 (b", "(", ""} {
		parent, started, err := parseStat("9 (" + name + ")" + fields)
		if err != nil || parent != 42 || started != 12345 {
			t.Errorf("%q: %d, %d, %v", name, parent, started, err)
		}
	}
	if _, _, err := parseStat("9 (sh) S 42"); err == nil {
		t.Error("a short line is taken")
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add("9 (sh) S 42 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 12345 0")
	f.Add(")")
	f.Fuzz(func(t *testing.T, text string) {
		if parent, started, err := parseStat(text); err == nil && len(text) < 22 {
			t.Errorf("%q is taken: %d, %d", text, parent, started)
		}
	})
}
