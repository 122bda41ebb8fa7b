package agent

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestMemoryIsGivenBackWhenAllIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		board := status.NewBoard("gw-042", "test", stageNames()...)
		var mu sync.Mutex
		begin, calls := time.Now(), []time.Duration(nil)
		go whenQuiet(ctx, board, Options{Log: slog.New(slog.DiscardHandler), Quiet: func() error {
			mu.Lock()
			defer mu.Unlock()
			calls = append(calls, time.Since(begin))
			return errors.New("the kernel refuses") // which is no reason to stop
		}})
		want := func(what string, all ...time.Duration) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if len(calls) != len(all) {
				t.Fatalf("%s: given back at %v, want %v", what, calls, all)
			}
			for i := range all {
				if calls[i] != all[i] {
					t.Errorf("%s: given back at %v, want %v", what, calls, all)
				}
			}
		}
		set := func(reason status.Reason, figure int) {
			board.Set("link", status.Update{State: status.OK, Reason: reason, Facts: status.Facts{"bytes": figure}})
			synctest.Wait()
		}

		time.Sleep(quietAfter / 2)
		set("connecting", 1)
		time.Sleep(quietAfter / 2)
		want("a change in the first moments")
		time.Sleep(quietAfter / 2)
		first := quietAfter * 3 / 2
		want("quiet since the change", first)

		for i := range 10 {
			set("connecting", i) // as each probe does
			time.Sleep(quietAfter / 2)
		}
		want("only figures have changed", first)

		set("connected", 10)
		changed := time.Since(begin)
		time.Sleep(quietAfter)
		want("another change", first, changed+quietAfter)
		time.Sleep(100 * quietAfter)
		want("nothing since", first, changed+quietAfter)
	})
}

func TestNobodyWantsMemoryBack(t *testing.T) {
	whenQuiet(t.Context(), status.NewBoard("gw-042", "test", stageNames()...), Options{}) // returns
}
