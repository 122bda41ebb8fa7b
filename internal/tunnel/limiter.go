package tunnel

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// bucket lets notifyBurst events pass at once and then one every notifyEvery.
// What does not pass is dropped: a flood must not be worked off afterwards.
type bucket struct {
	mu   sync.Mutex
	full time.Time // when it will have all its tokens back; the zero time is "long ago"
}

// take reports whether an event may pass now.
func (b *bucket) take() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	// One time stands for the count of tokens and the moment of the last refill.
	now := time.Now()
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Sub(now) > (notifyBurst-1)*notifyEvery {
		return false
	}
	b.full = b.full.Add(notifyEvery)
	return true
}

// quietLog writes at most one line of a kind every logEvery, so that whoever
// can publish to the topic cannot fill the journal. Kinds are constants of this
// package, so the table is bounded.
type quietLog struct {
	log *slog.Logger

	mu    sync.Mutex
	kinds map[string]*quiet
}

// quiet is what is known of one kind.
type quiet struct {
	last   time.Time
	missed int
}

// warn logs message unless one of its kind was logged a moment ago. The next
// line that is written says how many were left out.
func (q *quietLog) warn(kind, message string, args ...any) {
	missed, ok := q.may(kind)
	if !ok {
		return
	}
	if missed > 0 {
		args = append(args, "left_out", missed)
	}
	q.log.Log(context.Background(), slog.LevelWarn, message, args...)
}

// may reports whether a line of this kind may be written now, and how many were
// not since the last.
func (q *quietLog) may(kind string) (missed int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[kind]
	if k == nil {
		k = &quiet{}
		q.kinds[kind] = k
	}
	now := time.Now()
	if !k.last.IsZero() && now.Sub(k.last) < logEvery {
		k.missed++
		return 0, false
	}
	missed, k.last, k.missed = k.missed, now, 0
	return missed, true
}
