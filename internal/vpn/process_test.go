package vpn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
)

func TestCleanEndsWhatNamesOurSocket(t *testing.T) {
	dir := t.TempDir()
	p, err := newProgram(config.Link{Name: "vpn"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	// Of an agent that left the directory open.
	if err := os.Mkdir(filepath.Dir(p.socket), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p.socket, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// sh keeps its arguments; the trap makes it deaf to SIGTERM.
	stubborn := exec.Command("sh", "-c", "trap '' TERM; echo ready; while :; do read line || :; done", "--management", p.socket, "unix")
	other := exec.Command("sh", "-c", "echo ready; read line", "--management", p.socket+"2", "unix")
	var ends []chan error
	for _, cmd := range []*exec.Cmd{stubborn, other} {
		if _, err := cmd.StdinPipe(); err != nil {
			t.Fatal(err)
		}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := out.Read(make([]byte, 5)); err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- cmd.Wait() }()
		ends = append(ends, end)
		t.Cleanup(func() { _ = cmd.Process.Kill() })
	}
	if err := p.Clean(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ends[0]:
		if err == nil || !strings.Contains(err.Error(), "killed") {
			t.Errorf("the left-over process ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("the left-over process lives on")
	}
	if !alive(other.Process.Pid) {
		t.Error("another link's process was ended")
	}
	if _, err := os.Stat(p.socket); !os.IsNotExist(err) {
		t.Errorf("the socket is still there: %v", err)
	}
	// OpenVPN makes its socket for everybody.
	if info, err := os.Stat(filepath.Dir(p.socket)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("others may enter the socket's directory: %v, %v", info, err)
	}
}

func TestRuntimeDirectoryTooDeepForASocket(t *testing.T) {
	if _, err := newProgram(config.Link{Name: "vpn"}, "/"+strings.Repeat("x", 110)); err == nil {
		t.Error("accepted: bind would fail with nothing said but EINVAL")
	}
}

func TestWriteFileReplacesAsAWhole(t *testing.T) {
	name := filepath.Join(t.TempDir(), "vpn.conf")
	if err := os.WriteFile(name+".new", []byte("of a killed run"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := writeFile(name, []byte("key"), 0o600); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	info, statErr := os.Stat(name)
	if err != nil || statErr != nil || string(data) != "key" || info.Mode().Perm() != 0o600 {
		t.Errorf("%q %v, %v %v", data, info.Mode(), err, statErr)
	}
}

func TestLastLines(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	got := lastLines(strings.NewReader(strings.Repeat("old\n", 100) + long + "\nlast \r\n"))
	if len(got) != keptLines || got[len(got)-1] != "last" || got[0] != "old" {
		t.Errorf("%d lines, the last %q", len(got), got[len(got)-1])
	}
}

func TestDialSocketGivesUpWithTheProcess(t *testing.T) {
	gone := make(chan struct{})
	close(gone)
	if _, err := dialSocket(t.Context(), filepath.Join(t.TempDir(), "none"), gone); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if _, err := dialSocket(ctx, filepath.Join(t.TempDir(), "none"), make(chan struct{})); err == nil {
		t.Error("connected to nothing")
	}
}
