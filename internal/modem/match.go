package modem

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"

	"edgeagent/internal/config"
)

// errNoModem means that none of the modems is this link's.
var errNoModem = errors.New("no modem of this link")

// ownModem returns the modem that carries the link. A wrong guess would reset the
// modem of another link, so there are only three grounds: the modem has the
// link's device, NetworkManager dials the link's connection on it, or it is the
// only modem, idle, and the link can only be one of a modem.
func ownModem(l config.Link, all []modem, udis []string, cellular bool) (modem, bool) {
	for _, m := range all {
		if slices.ContainsFunc(l.Interface, m.uses) || slices.Contains(udis, string(m.path)) {
			return m, true
		}
	}
	if cellular && len(all) == 1 && !all[0].busy() {
		return all[0], true
	}
	return modem{}, false
}

// serialOnly reports whether nothing but a serial modem can carry the link:
// pppd or wvdial dials over a port that no name of a device leads to. PPP over
// Ethernet looks the same, hence only a modem without a network device counts.
func serialOnly(l config.Link, all []modem) bool {
	return len(all) == 1 && len(all[0].ports) == 0 &&
		!slices.ContainsFunc(l.Interface, func(name string) bool { return !strings.HasPrefix(name, "ppp") })
}

// isDialled reports whether all the link's devices have names that only PPP and
// modems have.
func isDialled(l config.Link) bool {
	return !slices.ContainsFunc(l.Interface, func(name string) bool {
		return !strings.HasPrefix(name, "ppp") && !strings.HasPrefix(name, "wwan")
	})
}

// own finds the link's modem on the bus.
func (r *Rescue) own(ctx context.Context) (modem, error) {
	all, err := r.mm.modems(ctx)
	if err != nil {
		return modem{}, err
	}
	if len(all) == 0 {
		return modem{}, errNoModem
	}
	cellular, udis := serialOnly(r.link, all), []string(nil)
	if r.link.Connection != "" {
		cellular, udis = r.dialledOn(ctx)
	}
	if m, ok := ownModem(r.link, all, udis, cellular); ok {
		return m, nil
	}
	return modem{}, errNoModem
}

// dialledOn returns what NetworkManager knows: whether a modem dials the
// connection, and the modems that it is active on.
func (r *Rescue) dialledOn(ctx context.Context) (cellular bool, udis []string) {
	p, err := r.nm.find(ctx, r.link.Connection)
	if err != nil || !p.isModem() {
		return false, nil
	}
	a, ok, err := r.nm.active(ctx, p)
	if err != nil || !ok {
		return true, nil
	}
	for _, path := range a.devices {
		if d, err := r.nm.device(ctx, path); err == nil && dbus.ObjectPath(d.udi).IsValid() {
			udis = append(udis, d.udi)
		}
	}
	return true, udis
}

// neighbourBusy reports whether a modem that is not this link's carries a
// connection: what is shared with it, ModemManager or a guess, is left alone.
func (r *Rescue) neighbourBusy(ctx context.Context) bool {
	all, err := r.mm.modems(ctx)
	if err != nil {
		return false
	}
	m, err := r.own(ctx)
	return slices.ContainsFunc(all, func(other modem) bool { return other.busy() && (err != nil || other.path != m.path) })
}
