package modem

import (
	"errors"
	"slices"
	"strings"

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

// These two guesses are made for links that no NetworkManager dials, which is where
// wvdial and pppd of older set-ups are. A wrong yes touches a stranger's modem; a
// wrong no leaves a few rungs out.

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
