package control

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"edgeagent/internal/handover"
	"edgeagent/internal/status"
)

// serving serves the fake on l until the returned function is called.
func serving(t *testing.T, l *Listener) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- NewServer(&named{}, slog.New(slog.DiscardHandler)).Serve(ctx, l) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// named is a daemon whose status is all that matters.
type named struct{ Backend }

// Snapshot implements Backend.
func (*named) Snapshot() status.Snapshot {
	return status.Snapshot{Schema: status.Schema, Device: "gw-042", State: status.OK}
}

// Who asks while nobody serves is answered by the daemon that takes over; no
// other can start in between.
func TestHandoverKeepsClients(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	stop := serving(t, first)
	h, err := first.HandOver()
	if err != nil {
		t.Fatal(err)
	}
	stop()
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(path).Status(t.Context())
		answered <- err
	}()
	if _, err := Listen(path); !errors.Is(err, ErrRunning) {
		t.Errorf("another daemon starts: %v", err)
	}
	second, err := Adopt(path, h)
	if err != nil {
		t.Fatal(err)
	}
	stop = serving(t, second)
	if err := <-answered; err != nil {
		t.Errorf("a client that waited: %v", err)
	}
	stop()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	third, err := Listen(path)
	if err != nil {
		t.Fatalf("the lock is still held: %v", err)
	}
	third.Close()
}

// Not one of many clients goes without an answer while daemons follow each other.
func TestHandoverDropsNobody(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	asked := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			if _, err := NewClient(path).Status(t.Context()); err != nil {
				asked <- err
				return
			}
		}
		asked <- nil
	}()
	for range 200 {
		stop := serving(t, l)
		h, err := l.HandOver()
		if err != nil {
			t.Fatal(err)
		}
		stop()
		if l, err = Adopt(path, h); err != nil {
			t.Fatal(err)
		}
	}
	stop := serving(t, l)
	cancel()
	if err := <-asked; err != nil {
		t.Error(err)
	}
	stop()
}

func TestAdoptRefusesOtherSockets(t *testing.T) {
	dir := t.TempDir()
	handOver := func(name string) *Handover {
		l, err := Listen(filepath.Join(dir, name, "control.sock"))
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		h, err := l.HandOver()
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if _, err := Adopt(filepath.Join(dir, "b", "control.sock"), handOver("a")); !errors.Is(err, errOtherSocket) {
		t.Errorf("another directory's: %v", err)
	}
	removed := handOver("c")
	if err := os.Remove(filepath.Join(dir, "c", "control.sock")); err != nil {
		t.Fatal(err)
	}
	if _, err := Adopt(filepath.Join(dir, "c", "control.sock"), removed); !errors.Is(err, errOtherSocket) {
		t.Errorf("one that was removed: %v", err)
	}
	if l, err := Listen(filepath.Join(dir, "c", "control.sock")); err != nil {
		t.Errorf("a lock is left: %v", err)
	} else {
		l.Close()
	}
	if _, err := Adopt(filepath.Join(dir, "d"), &Handover{Socket: handover.None, Lock: handover.None}); err == nil {
		t.Error("no descriptors are taken")
	}
}
