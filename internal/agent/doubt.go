package agent

import (
	"context"
	"reflect"

	"edgeagent/internal/status"
)

// watchDoubt asks the broker session for proof when the path was in doubt but
// not lost, and has it look at its address again when the endpoint's moved. When the
// VPC's resolver falls silent, the link has to find out whether it is the resolver.
func (p *parts) watchDoubt(ctx context.Context) {
	var link, dns, endpoint status.Condition
	for {
		changed := p.board.Changed()
		nowLink, nowDNS, nowEndpoint := p.board.Condition("link"), p.board.Condition("dns"), p.board.Condition("endpoint")
		if inDoubt(link, nowLink) || sureAgain(dns, nowDNS) {
			p.broker.Prove()
		}
		if fellSilent(dns, nowDNS) {
			p.links.Doubt()
		}
		if !reflect.DeepEqual(endpoint.Facts["addresses"], nowEndpoint.Facts["addresses"]) {
			p.broker.Recheck()
		}
		link, dns, endpoint = nowLink, nowDNS, nowEndpoint
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// fellSilent reports whether the VPC's resolver has just ceased to answer.
func fellSilent(before, now status.Condition) bool {
	return before.State == status.OK && now.State == status.Degraded && now.Reason == status.ReasonNoAnswer
}

// sureAgain reports whether the resolver has answered before its silence cost
// anything. What kept it away may have kept the broker away: a session that waits
// to be dialled again need not wait out the pause that grew meanwhile.
func sureAgain(before, now status.Condition) bool {
	return before.State == status.Degraded && before.Reason == status.ReasonNoAnswer && now.State == status.OK
}

// inDoubt reports whether a link that went on carrying the path has become
// doubtful, or is sure again: a round trip then tells, not hope.
func inDoubt(before, now status.Condition) bool {
	return before.State != now.State && before.State.Usable() && now.State.Usable()
}
