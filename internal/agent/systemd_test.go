package agent

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestNotifierTellsSystemd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		board := status.NewBoard("gw", "test", "link")
		var sent []string
		n := notifier{
			board: board, log: slog.New(slog.NewTextHandler(io.Discard, nil)), period: 90 * time.Second,
			send: func(state string) error { sent = append(sent, state); return nil },
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); n.run(ctx) }()
		synctest.Wait()
		board.Set("link", status.Update{State: status.Down, Reason: status.ReasonNoAnswer, Detail: "nothing from 203.0.113.10"})
		synctest.Wait()
		time.Sleep(180 * time.Second)
		synctest.Wait()
		board.Set("link", status.Update{State: status.OK, Reason: status.ReasonConnected})
		synctest.Wait()
		cancel()
		<-done
		want := []string{
			"READY=1",
			"STATUS=link: the link is being brought up",
			"STATUS=link: the VPN server does not answer (nothing from 203.0.113.10)",
			"WATCHDOG=1", "WATCHDOG=1",
			"STATUS=ok",
			"STOPPING=1",
		}
		if !slices.Equal(sent, want) {
			t.Errorf("sent\n%q, want\n%q", sent, want)
		}
	})
}
