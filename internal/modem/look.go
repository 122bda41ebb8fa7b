package modem

import (
	"context"
	"slices"

	"github.com/godbus/dbus/v5"
)

// sight is what the bus says of a link at one moment.
type sight struct {
	modems []modem
	own    *modem // the link's; nil: none
	mmErr  error  // why there are no modems

	profile profile // the link's connection
	nmErr   error   // why there is none; nil for a link without one
	dial    active  // how far NetworkManager is with it
	dialled bool    // it is active, or on its way

	cellular bool // the link can only be one of a modem
}

// look asks both services once. What is not there leaves its part empty: a link
// without ModemManager still has a connection, and the other way round.
func (r *Rescue) look(ctx context.Context) sight {
	var s sight
	s.modems, s.mmErr = r.mm.modems(ctx)
	s.cellular = r.link.Metered && isDialled(r.link)
	only, udis := serialOnly(r.link, s.modems), []string(nil)
	if r.link.Connection != "" {
		s.profile, s.nmErr = r.profile(ctx)
		s.cellular = s.nmErr == nil && s.profile.isModem()
		only = s.cellular
		if s.nmErr == nil {
			s.dial, s.dialled, s.nmErr = r.nm.active(ctx, s.profile)
		}
		if s.cellular {
			udis = r.udis(ctx, s.dial)
		}
	}
	if m, ok := ownModem(r.link, s.modems, udis, only); ok {
		s.own = &m
	} else if s.mmErr == nil {
		s.mmErr = errNoModem
	}
	return s
}

// profile finds the link's connection. Where it was the last time it mostly is
// still: that is one question instead of one for each connection.
func (r *Rescue) profile(ctx context.Context) (profile, error) {
	if r.known != "" {
		if p, err := r.nm.profile(ctx, r.known); err == nil && p.is(r.link.Connection) {
			return p, nil
		}
	}
	p, err := r.nm.find(ctx, r.link.Connection)
	r.known = p.path
	return p, err
}

// udis are the modems that NetworkManager dials on, by ModemManager's paths: the
// only name that both have for a modem.
func (r *Rescue) udis(ctx context.Context, a active) []string {
	var udis []string
	for _, path := range a.devices {
		if d, err := r.nm.device(ctx, path); err == nil && dbus.ObjectPath(d.udi).IsValid() {
			udis = append(udis, d.udi)
		}
	}
	return udis
}

// neighbourBusy reports whether a modem that is not this link's carries a
// connection: what is shared with it, ModemManager or a guess, is left alone.
func (s sight) neighbourBusy() bool {
	return slices.ContainsFunc(s.modems, func(m modem) bool { return m.busy() && (s.own == nil || m.path != s.own.path) })
}
