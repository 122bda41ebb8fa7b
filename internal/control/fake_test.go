package control

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"edgeagent/internal/history"
	"edgeagent/internal/status"
)

// fakeBackend is an agent with one link and one tunnel.
type fakeBackend struct {
	mu        sync.Mutex
	restarted []string
	closed    []string
	hang      chan struct{} // if not nil, a restart waits for it or for its context
	started   chan struct{} // receives when a restart waits
}

var since = time.Date(2026, 11, 21, 8, 30, 0, 0, time.UTC)

func (f *fakeBackend) Snapshot() status.Snapshot {
	return status.Snapshot{
		Schema: status.Schema, Version: "test", Device: "gw-042", State: status.OK, Since: since,
		Stages: []status.Condition{{
			Stage: "link", State: status.OK, Reason: status.ReasonConnected, Detail: "up", Since: since,
			Facts: status.Facts{"device": "tun0"},
		}},
	}
}

func (f *fakeBackend) History() history.History {
	return history.History{
		Schema: history.Schema, Now: since, StepS: 60,
		Stages: []history.Stage{{Name: "link", Spans: []history.Span{{From: since, State: status.OK, Reason: status.ReasonConnected}}}},
		Series: []history.Series{{Name: "probe_rtt_ms", Values: []*float64{nil, new(12.5)}}},
	}
}

func (f *fakeBackend) Links() []LinkInfo {
	return []LinkInfo{{Name: "vpn", Type: "openvpn", State: status.OK, Reason: status.ReasonConnected,
		Detail: "up", Device: "tun0", Active: true}}
}

func (f *fakeBackend) RestartLink(ctx context.Context, name string) error {
	if f.hang != nil {
		f.started <- struct{}{}
		select {
		case <-f.hang:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if name != "vpn" {
		return fmt.Errorf("link %q: %w", name, ErrNotFound)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restarted = append(f.restarted, name)
	return nil
}

func (f *fakeBackend) Tunnels() []TunnelInfo {
	return []TunnelInfo{{ID: "t-1", Services: []string{"SSH"}, Since: since, BytesIn: 1, BytesOut: 2, State: "open"}}
}

func (f *fakeBackend) CloseTunnel(_ context.Context, id string) error {
	if id != "t-1" {
		return fmt.Errorf("tunnel %q: %w", id, ErrNotFound)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = append(f.closed, id)
	return nil
}

// serve runs a Server of b and returns its socket. It must end cleanly with the
// test.
func serve(t *testing.T, b Backend, change func(*Server)) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	s := NewServer(b, slog.New(slog.DiscardHandler))
	if change != nil {
		change(s)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return path
}

// onlyReaders makes every user one that may only read.
func onlyReaders(s *Server) { s.policy = policy{uid: ^uint32(0)} }
