package localproxy_test

import (
	"context"
	"os"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

const (
	tunnels = 1000 // that a device opens in the leak test's life
	stray   = 10   // goroutines and files that come and go with the service's own
)

// Fault 12: agents leak until no new tunnel starts.
func TestFault12NothingLeaksAfterAThousandTunnels(t *testing.T) {
	w := newWorld(t, tunneling.Options{})
	dest := "SSH=" + destination(t, echo)
	oneTunnel(t, w, dest) // whatever is made once is made
	goroutines, fds := counts(t)
	for range tunnels {
		oneTunnel(t, w, dest)
	}
	deadline := time.Now().Add(patience)
	for {
		g, f := counts(t)
		if g <= goroutines+stray && f <= fds+stray {
			return
		}
		if time.Now().After(deadline) {
			var all strings.Builder
			_ = pprof.Lookup("goroutine").WriteTo(&all, 1) // for the reader of the failure
			t.Fatalf("%d goroutines and %d files became %d and %d\n%s", goroutines, fds, g, f, all.String())
		}
		runtime.Gosched()
	}
}

// oneTunnel is a tunnel's life: opened, used, and ended by either side.
func oneTunnel(t *testing.T, w *world, dest string) {
	t.Helper()
	tun := w.Open("SSH")
	wire, err := w.Wire(tun.ID)
	if err != nil {
		t.Fatal(err)
	}
	cfg := w.config(t, tun, dest)
	cfg.Log = nil
	proxy, err := localproxy.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- proxy.Run(ctx) }()
	if err := wire.Connected(ctx); err != nil {
		t.Fatal(err)
	}
	send(t, wire, start(1, 1))
	wantEcho(t, wire, 1, 1, "used")
	switch tun.ID[0] % 2 {
	case 0:
		cancel()
	default:
		if err := w.Close(tun.ID); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T) (goroutines, fds int) {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return runtime.NumGoroutine(), len(entries)
}
