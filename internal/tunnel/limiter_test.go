package tunnel

import (
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestBucket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bucket
		passed := func() (n int) {
			for range 1000 {
				if b.take() {
					n++
				}
			}
			return n
		}
		if n := passed(); n != notifyBurst {
			t.Errorf("%d of 1000 at once passed, want %d", n, notifyBurst)
		}
		time.Sleep(3 * notifyEvery)
		if n := passed(); n != 3 {
			t.Errorf("%d passed after three periods, want 3", n)
		}
		time.Sleep(1000 * notifyEvery)
		if n := passed(); n != notifyBurst {
			t.Errorf("%d passed after a long rest, want %d", n, notifyBurst)
		}
	})
}

func TestQuietLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logBuffer{}
		q := &quietLog{log: slog.New(slog.NewTextHandler(log, nil)), kinds: map[string]*quiet{}}
		for range 5000 {
			q.warn("a", "first kind")
		}
		q.warn("b", "second kind")
		time.Sleep(logEvery)
		q.warn("a", "first kind")
		time.Sleep(logEvery)
		q.warn("a", "first kind")
		if got := log.count("first kind"); got != 3 {
			t.Errorf("%d lines of the first kind, want 3:\n%s", got, log)
		}
		if log.count("first kind", "left_out=4999") != 1 || strings.Count(log.String(), "left_out") != 1 {
			t.Errorf("want 4999 lines reported as left out, once:\n%s", log)
		}
		if got := log.count("second kind"); got != 1 {
			t.Errorf("%d lines of the second kind, want 1", got)
		}
	})
}

func TestTokenMemory(t *testing.T) {
	var m tokenMemory
	if m.has("") || m.has("t0") {
		t.Error("an empty memory knows a token")
	}
	names := make([]string, seenTokens+1)
	for i := range names {
		names[i] = strings.Repeat("t", i+1)
		m.add(names[i])
	}
	if m.has(names[0]) {
		t.Errorf("the oldest of %d tokens is still known", len(names))
	}
	for _, name := range names[1:] {
		if !m.has(name) {
			t.Fatalf("token %d of the last %d is forgotten", len(name), seenTokens)
		}
	}
}
