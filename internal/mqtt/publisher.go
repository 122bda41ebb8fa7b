package mqtt

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"edgeagent/internal/status"
)

// errOrderly ends a publisher that is to say goodbye.
var errOrderly = errors.New("the session is left")

// publisher keeps the retained message on the status topic true during one
// session: one message when it begins and one for each change, none within
// statusGap of another, the last state always.
type publisher struct {
	board   *status.Board
	offline []byte                                          // the goodbye
	send    func(ctx context.Context, payload []byte) error // returns after the PUBACK
	log     *slog.Logger

	cancel context.CancelCauseFunc
	acked  chan struct{} // a message was taken
	done   chan struct{} // closed when it has ended
}

// start publishes from first on, in the background, until stop.
func (p *publisher) start(first time.Time) {
	if settled := time.Now().Add(statusSettle); first.Before(settled) {
		first = settled
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	p.cancel = cancel
	p.acked, p.done = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(p.done)
		p.follow(ctx, first)
		if context.Cause(ctx) == errOrderly {
			p.leave()
		}
	}()
}

// stop ends the publisher because of cause and waits for it, for limit at most.
func (p *publisher) stop(cause error, limit time.Duration) {
	p.cancel(cause)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
	}
}

func (p *publisher) follow(ctx context.Context, next time.Time) {
	shown, repeated := "", false
	for sleepUntil(ctx, next) {
		changed := p.board.Changed()
		snapshot := p.board.Snapshot()
		seen := essence(snapshot)
		if seen == shown {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		p.publish(ctx, snapshot)
		next = time.Now().Add(statusGap)
		// The first is sent twice: the will of a session that this one replaced
		// may come after it and say "offline" for good.
		if repeated {
			shown = seen
		}
		repeated = true
	}
}

func (p *publisher) publish(ctx context.Context, snapshot status.Snapshot) {
	data, err := json.Marshal(snapshot.ForScripts())
	if err == nil {
		err = p.send(ctx, data)
	}
	switch {
	case err == nil:
		signal(p.acked)
	case ctx.Err() == nil:
		p.log.Warn("the status is not published", "err", err)
	}
}

func (p *publisher) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), offlineTimeout)
	defer cancel()
	_ = p.send(ctx, p.offline) // else the broker sends the will: no DISCONNECT follows then
}

// sleepUntil is false when ctx has ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// essence is what of a snapshot is worth a message: states, reasons, names and
// addresses. Figures drift all the time; they go out with the next change.
func essence(s status.Snapshot) string {
	data, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	var tree any
	if err := json.Unmarshal(data, &tree); err != nil {
		return err.Error()
	}
	data, _ = json.Marshal(withoutFigures(tree))
	return string(data)
}

func withoutFigures(tree any) any {
	switch node := tree.(type) {
	case float64:
		return nil
	case []any:
		for i := range node {
			node[i] = withoutFigures(node[i])
		}
	case map[string]any:
		for _, key := range []string{"now", "detail", "hint"} {
			delete(node, key)
		}
		for key := range node {
			node[key] = withoutFigures(node[key])
		}
	}
	return tree
}
