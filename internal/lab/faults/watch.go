package faults

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// peekEvery is how exact times are; a daemon that does not answer within
// peekTimeout is one that does not run, to whoever asks.
const (
	peekEvery   = 50 * time.Millisecond
	peekTimeout = time.Second
)

// steady is how long all must stay well to count as recovered.
const steady = 2 * time.Second

// saying is what status said from one moment on.
type saying struct {
	at     time.Time
	cause  Want // the zero value: all is well
	detail string
}

// String is for people: a stage and its reason.
func (s saying) String() string { return s.cause.String() }

// String is for people: a stage and its reason.
func (w Want) String() string {
	if w == (Want{}) {
		return "ok"
	}
	return strings.TrimSpace(w.Stage + " " + string(w.Reason))
}

// watcher asks for the status all the time and keeps what it says.
type watcher struct {
	agent  *lab.Agent
	cancel context.CancelFunc
	done   chan struct{}

	mu   sync.Mutex
	said []saying
}

// watch asks until stop.
func watch(ctx context.Context, a *lab.Agent) *watcher {
	w := &watcher{agent: a, done: make(chan struct{})}
	ctx, w.cancel = context.WithCancel(ctx)
	go func() {
		defer close(w.done)
		tick := time.NewTicker(peekEvery)
		defer tick.Stop()
		for ctx.Err() == nil {
			w.ask(ctx)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return w
}

func (w *watcher) stop() {
	w.cancel()
	<-w.done
}

func (w *watcher) ask(ctx context.Context) {
	peekCtx, cancel := context.WithTimeout(ctx, peekTimeout)
	defer cancel()
	s := saying{at: time.Now()}
	snapshot, err := w.agent.Peek(peekCtx)
	switch first := snapshot.FixFirst; {
	case ctx.Err() != nil:
		return // it was the question that was cut off
	case err != nil:
		s.cause, s.detail = Want{Stage: "daemon"}, err.Error()
	case first != nil && !ours(first):
		s.cause, s.detail = Want{first.Stage, first.Reason}, first.Detail
	case first == nil && snapshot.State != status.OK:
		s.cause = Want{Stage: string(snapshot.State)} // it has not begun yet
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.said); n == 0 || w.said[n-1].cause != s.cause {
		w.said = append(w.said, s)
	}
}

// since returns what was said from at on, what held at that moment included.
func (w *watcher) since(at time.Time) []saying {
	w.mu.Lock()
	defer w.mu.Unlock()
	from := 0
	for i, s := range w.said {
		if !s.at.After(at) {
			from = i
		}
	}
	return append([]saying(nil), w.said[from:]...)
}

// named waits until status has named one of the causes since a moment, and
// returns how long after it.
func (w *watcher) named(ctx context.Context, since time.Time, wanted []Want) (after time.Duration, err error) {
	err = lab.Poll(ctx, peekEvery, func() error {
		all := w.since(since)
		for _, s := range all {
			for _, want := range wanted {
				if s.cause == want {
					after = max(0, s.at.Sub(since))
					return nil
				}
			}
		}
		return fmt.Errorf("status said %s, not %s", story(all), wishes(wanted))
	})
	return after, err
}

// well waits until all has been well for a while, and returns how long after
// since that began.
func (w *watcher) well(ctx context.Context, since time.Time) (after time.Duration, err error) {
	err = lab.Poll(ctx, peekEvery, func() error {
		all := w.since(since)
		if len(all) == 0 {
			return fmt.Errorf("status has not been asked")
		}
		last := all[len(all)-1]
		began := last.at
		if began.Before(since) {
			began = since
		}
		if last.cause != (Want{}) {
			return fmt.Errorf("status said %s: %s", story(all), last.detail)
		}
		if time.Since(began) < steady {
			return fmt.Errorf("all is well for %s only", time.Since(began))
		}
		after = began.Sub(since)
		return nil
	})
	return after, err
}

// story tells what was said in its order, the last few only if it goes on for long.
func story(all []saying) string {
	const few = 8
	var words []string
	for _, s := range all {
		words = append(words, s.String())
	}
	if len(words) > few {
		words = append([]string{"..."}, words[len(words)-few:]...)
	}
	return strings.Join(words, ", ")
}

func wishes(wanted []Want) string {
	var words []string
	for _, w := range wanted {
		words = append(words, w.String())
	}
	return strings.Join(words, " or ")
}
