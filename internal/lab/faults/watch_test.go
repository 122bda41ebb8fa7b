package faults

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

var silent = Want{"link", status.ReasonNoAnswer}

// says adds what the status says, as the watcher would.
func (w *watcher) says(cause Want) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.said = append(w.said, saying{at: time.Now(), cause: cause})
}

func TestNamedCountsFromTheFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		w.says(Want{})
		time.Sleep(time.Minute)
		injected := time.Now()
		go func() {
			time.Sleep(3 * time.Second)
			w.says(Want{"link", status.ReasonConnecting})
			time.Sleep(4 * time.Second)
			w.says(silent)
		}()
		after, err := w.named(t.Context(), injected, []Want{{"dns", status.ReasonNoAnswer}, silent})
		if err != nil || after != 7*time.Second {
			t.Errorf("named after %s, %v; want 7s", after, err)
		}
	})
}

func TestNamedSaysWhatWasSaidInstead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		w.says(silent) // before the fault: it does not count as named by it
		time.Sleep(time.Second)
		w.says(Want{})
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := w.named(ctx, time.Now(), []Want{silent})
		if err == nil || !strings.Contains(err.Error(), "said ok, not link no-answer") {
			t.Errorf("%v, want what was said", err)
		}
	})
}

func TestWellMustLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		w.says(silent)
		lifted := time.Now()
		go func() {
			time.Sleep(time.Second)
			w.says(Want{})
			time.Sleep(steady - time.Second)
			w.says(silent) // it was not well for long
			time.Sleep(time.Second)
			w.says(Want{})
		}()
		after, err := w.well(t.Context(), lifted)
		if want := steady + time.Second; err != nil || after != want {
			t.Errorf("well after %s, %v; want %s", after, err, want)
		}
	})
}

func TestWellNeverLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w watcher
		w.says(Want{})
		time.Sleep(time.Minute)
		if after, err := w.well(t.Context(), time.Now()); err != nil || after != 0 {
			t.Errorf("well after %s, %v; want at once", after, err)
		}
	})
}

func TestStory(t *testing.T) {
	var all []saying
	for range 5 {
		all = append(all, saying{cause: silent}, saying{})
	}
	if got := story(all[:2]); got != "link no-answer, ok" {
		t.Error(got)
	}
	if got := story(all); strings.Count(got, ",") != 8 || !strings.HasPrefix(got, "..., ") {
		t.Errorf("a long one: %s", got)
	}
}

func TestOurs(t *testing.T) {
	for detail, want := range map[string]bool{
		"10:04 malformed notification: clientAccessToken is missing":                    true,
		"10:04 more than 8 notifications at once, or one in 2s":                         true,
		`10:04 service "VNC" is not in tunnel.services (SSH)`:                           false,
		"10:04 8 notifications wait for the private path already, which is another row": false,
	} {
		if got := ours(&status.Finding{Stage: "tunnel", Reason: status.ReasonRefused, Detail: detail}); got != want {
			t.Errorf("%s: %t", detail, got)
		}
	}
	if ours(&status.Finding{Stage: "broker", Reason: status.ReasonRefused, Detail: "malformed notification"}) {
		t.Error("another stage's finding is taken for the stream's")
	}
}
