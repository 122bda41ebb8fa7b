package vpn

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Witness asks others behind a path than the VPC's resolver, until ctx ends. A
// nil error means that something came back; asked that somebody was asked who has
// answered before, so that silence means something too.
//
// It tells a dead resolver from a path that carries nothing. An OpenVPN server's
// pings cannot: they say that packets come in, not that any get out.
type Witness func(ctx context.Context, p Path) (asked bool, err error)

const (
	// hearLimit is how long witnesses may take to answer: a SYN is repeated after
	// 1, 3 and 7 s, and a modem's queue that is full holds packets back for seconds.
	hearLimit = 10 * time.Second
	// hearAgain is between two questions to witnesses while the resolver stays
	// silent. Shorter than meteredProbe, after which traffic proves nothing.
	hearAgain = 2 * time.Minute
	// anewAfter is how long a path that loses what is sent into it is left as it
	// is: for one more probe. The server's own ping-restart, 40 s on AWS, is about to
	// end the session, after which no probe is answered however good the path; and a
	// new one comes from another port, which gets past a NAT that has gone wrong.
	anewAfter = seekSpacing
)

// hearing is the questioning of witnesses on one link. Only its loop touches it.
type hearing struct {
	ask   Witness // nil: there is none
	heard chan testimony
	going *Path     // of the one under way; nil: none is
	at    time.Time // when one answered, if one did when they were asked last
}

// testimony is what comes of a hearing.
type testimony struct {
	path  *Path // the one asked about, as an identity
	asked bool
	err   error
}

func newHearing(ask Witness) hearing { return hearing{ask: ask, heard: make(chan testimony)} }

// begin asks, unless one has answered not long ago.
func (h *hearing) begin(ctx context.Context, now time.Time, path *Path) {
	if now.Sub(h.at) >= hearAgain {
		h.reopen(ctx, path)
	}
}

// reopen asks whatever was said before, as there is new reason to doubt it,
// unless that goes on for this path.
func (h *hearing) reopen(ctx context.Context, path *Path) {
	if h.ask == nil || h.going == path {
		return
	}
	h.going = path
	go func() {
		askCtx, cancel := context.WithTimeout(ctx, hearLimit)
		defer cancel()
		asked, err := h.ask(askCtx, *path)
		deliver(ctx, h.heard, testimony{path, asked, err})
	}()
}

// end takes in a testimony. It is false if that is about a path that is no more.
func (h *hearing) end(now time.Time, t testimony, path *Path) bool {
	if h.going == t.path {
		h.going = nil
	}
	if t.path != path {
		return false
	}
	h.at = time.Time{}
	if t.err == nil {
		h.at = now
	}
	return true
}

// besideEcho has an echo asked for at the same time as ask's witnesses; nil: there
// are none. Its silence says nothing.
func besideEcho(ask Witness, echo func(context.Context, Path) error) Witness {
	return func(ctx context.Context, p Path) (asked bool, err error) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		words := make(chan testimony, 2)
		go func() { words <- testimony{err: echo(ctx, p)} }()
		go func() {
			t := testimony{err: errNobody}
			if ask != nil {
				t.asked, t.err = ask(ctx, p)
			}
			words <- t
		}()
		for range cap(words) {
			t := <-words
			if t.err == nil {
				return true, nil
			}
			asked, err = asked || t.asked, errors.Join(err, t.err)
		}
		return asked, err
	}
}

// errNobody is the silence of no witness at all.
var errNobody = errors.New("there is nobody to ask")

// echoTunnel pings the VPN server's own address in the tunnel, which is the first
// of its network with OpenVPN's `server` directive and on AWS Client VPN. A server
// need not answer. On a link that something else dials the address would be a
// router's at this site, which knows nothing of the VPC.
func echoTunnel(ctx context.Context, p Path, spent func(bytes int)) error {
	gateway := p.Address.Masked().Addr().Next()
	if !gateway.Is4() || gateway == p.Address.Addr() || !p.Address.Contains(gateway) {
		return fmt.Errorf("pinging the far end of %s: its address is not known", p.Device)
	}
	var err error
	for ctx.Err() == nil {
		if _, err = ping(ctx, p.Device, gateway, spent); err == nil {
			return nil
		}
		if !isTimeout(err) {
			break // it will not be better the next moment
		}
	}
	return err
}

// suspect looks at the path now: somebody else has got no answer through it.
func (k *keeper) suspect(now time.Time) {
	if !k.usable() {
		return
	}
	k.health.suspected = true
	k.health.hurry(now)
	k.hearing.reopen(k.ctx, k.path)
}

// testified takes in what the witnesses say.
func (k *keeper) testified(now time.Time, t testimony) {
	if !k.hearing.end(now, t, k.path) {
		return
	}
	switch {
	case t.err == nil:
		k.soft.leave() // a new connection would not make the resolver speak
	case t.asked && k.health.forsake(now):
		k.blameSilence(now, true)
		k.timers.set(anewTimer, now.Add(anewAfter))
	}
}

// anew makes the connection anew if still nothing comes back through it.
func (k *keeper) anew(time.Time) {
	if k.phase == connected && k.path != nil && k.health.forsaken {
		k.log.Warn("reconnecting: the server is heard, but nothing that is sent to it is answered")
		k.reconnect()
	}
}

// vouched reports whether a witness has answered since a time.
func (h *hearing) vouched(since time.Time) bool { return h.at.After(since) }
