package agent

import (
	"context"
	"reflect"

	"edgeagent/internal/status"
)

// watchDoubt asks the broker session for proof when the path was in doubt but
// not lost, and has it look at its address again when the endpoint's moved.
func (p *parts) watchDoubt(ctx context.Context) {
	var link, endpoint status.Condition
	for {
		changed := p.board.Changed()
		nowLink, nowEndpoint := p.board.Condition("link"), p.board.Condition("endpoint")
		if inDoubt(link, nowLink) {
			p.broker.Prove()
		}
		if !reflect.DeepEqual(endpoint.Facts["addresses"], nowEndpoint.Facts["addresses"]) {
			p.broker.Recheck()
		}
		link, endpoint = nowLink, nowEndpoint
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// inDoubt reports whether a link that went on carrying the path has become
// doubtful, or is sure again: a round trip then tells, not hope.
func inDoubt(before, now status.Condition) bool {
	return before.State != now.State && before.State.Usable() && now.State.Usable()
}
