package vpn

import (
	"context"
	"time"

	"edgeagent/internal/status"
)

// startProbe asks through the path, unless traffic has just proved it.
func (k *keeper) startProbe(now time.Time) {
	if k.path == nil || k.health.skip(now, k.o.opts.Alive()) {
		return
	}
	limit := k.health.begin(now)
	k.turn++
	path, turn := k.path, k.turn
	ctx, cancel := context.WithTimeout(k.ctx, limit)
	k.giveUp = cancel
	go func() {
		defer cancel()
		rtt, err := k.o.opts.ProbePath(ctx, *path)
		deliver(k.ctx, k.probed, probed{path, turn, now, rtt, err})
	}()
}

// probeAnew asks now, instead of waiting for a probe that was sent by the way
// there was before.
func (k *keeper) probeAnew(now time.Time) {
	if k.path == nil {
		return
	}
	k.giveUp()
	k.turn++
	k.health.next = now
}

// answer takes in a probe's outcome.
func (k *keeper) answer(now time.Time, p probed) {
	if p.path != k.path || p.turn != k.turn {
		return // of a path that is no more, or given up
	}
	was := k.health.proven
	k.health.hasty = k.o.isHasty()
	if p.err != nil {
		k.log.Debug("probe failed", "err", p.err)
		k.health.failed(now, p.began)
		k.blameSilence(now, was)
		if k.health.proven {
			k.hearing.begin(k.ctx, now, k.path)
		}
		return
	}
	k.rtt = p.rtt
	k.health.answered(now)
	k.soft.leave()
	if !was && k.health.proven {
		k.proved(now)
	}
}

// proved: the path carries.
func (k *keeper) proved(now time.Time) {
	k.log.Info("link up", "device", k.path.Device, "address", k.path.Address, "server", k.attempt.server)
	k.cause, k.since = nil, now
	k.servers.trust(k.attempt.server.Addr())
	k.ladder.leave()
	k.timers.stop(anewTimer)
}

// blameSilence says why a probe was not answered, where that matters.
func (k *keeper) blameSilence(now time.Time, was bool) {
	switch {
	case k.health.proven && !was:
		k.proved(now)
	case k.health.proven || !k.up.ok():
	case k.health.silent(now):
		k.blame(now, cause{status.ReasonNoAnswer, "nothing from " + k.attempt.server.String() +
			" since " + k.health.heard.Format(time.TimeOnly), "", fast})
	case k.health.forsaken:
		k.blame(now, cause{status.ReasonNoAnswer, "bytes arrive from " + k.attempt.server.String() +
			", but whatever is sent there is lost (asked " + join(k.path.Servers) + " and the endpoint)", "", fast})
	case len(k.path.Servers) == 0:
		k.blame(now, cause{status.ReasonNoAnswer, "the VPN server pushes no DNS server to ask",
			"Set resolver.servers to the VPC's resolver.", fast})
	default:
		k.blame(now, cause{status.ReasonNoAnswer, "connected, but nothing answers through " + k.path.Device +
			" (asked " + join(k.path.Servers) + ")", "Look at the VPN endpoint's authorization rules and security groups.", fast})
	}
}

// blame notes why the path is not there.
func (k *keeper) blame(now time.Time, c cause) {
	if k.cause == nil || k.cause.reason != c.reason {
		k.log.Warn("link not usable", "reason", c.reason, "detail", c.text)
	}
	k.cause, k.blamed = &c, now
}

// tend starts and ends the climbs of the ladders as the path goes and comes.
func (k *keeper) tend(now time.Time) {
	switch {
	case k.usable() || k.cause != nil && !k.cause.climbs():
		k.ladder.leave()
	default:
		k.ladder.begin(now)
	}
	if since := k.health.resolverSilent(); !since.IsZero() && !k.hearing.vouched(since) {
		k.soft.begin(since)
	}
}

// climb takes the rung that is due.
func (k *keeper) climb(now time.Time) {
	rung, ok := k.ladder.take(now)
	if !ok {
		return
	}
	k.log.Warn("recovering the link", "step", rung.does, "down_since", k.ladder.since.Format(time.TimeOnly))
	switch rung.name {
	case rungReconnect:
		if k.phase == holding {
			k.timers.set(releaseTimer, now)
		}
		k.reconnect()
	case rungReread:
		k.reread(now)
	case rungNewProcess:
		k.restart(now)
	case rungStartOver:
		k.over = errStartOver
	}
}

// climbSoft reconnects once because the resolver is silent. If that does not
// help it was not the link, and the link is called up as before.
func (k *keeper) climbSoft(now time.Time) {
	if _, ok := k.soft.take(now); ok {
		k.log.Warn("reconnecting once: bytes arrive, but the VPC resolver is silent", "servers", join(k.path.Servers))
		k.health.trusting = true
		k.reconnect()
	}
}

// watchFilesFrom begins to look for changed files while c waits for a person.
func (k *keeper) watchFilesFrom(now time.Time, c cause) {
	if c.pace == slow {
		k.stamps = stamps(k.id.files)
		k.timers.set(watchTimer, now.Add(precheckEvery))
	}
}

// watchFiles tries again at once when the refused files were replaced.
func (k *keeper) watchFiles(now time.Time) {
	if k.cause == nil || k.cause.pace != slow || k.phase != idle && k.phase != holding {
		return
	}
	if stamps(k.id.files) == k.stamps {
		k.timers.set(watchTimer, now.Add(precheckEvery))
		return
	}
	k.log.Info("the OpenVPN file or a certificate has changed, trying again")
	k.starts.reset()
	k.connects.reset()
	k.restart(now)
}

// watchExpiry sees to it that the end of the certificate is noticed when it
// comes, and is announced before.
func (k *keeper) watchExpiry(now time.Time) {
	if k.id.leaf == nil {
		k.timers.stop(certTimer)
		return
	}
	end := k.id.leaf.NotAfter
	if left := end.Sub(now); left > 0 && left < certWarning {
		k.log.Warn("the client certificate expires soon", "on", end)
	}
	k.timers.set(certTimer, later(end, now).Add(time.Second))
}

// checkIdentity notices that the certificate has ended while it was in use:
// OpenVPN 2.6 then carries on until its keys are used up.
func (k *keeper) checkIdentity(now time.Time) {
	k.expired = k.id.check(k.o.opts.Clock, now)
	if k.expired == nil {
		k.watchExpiry(now)
	}
}
