package vpn

import "time"

// Pace returns how often the link is probed while all is well: probe.interval,
// or 300 s on a metered link. Others that ask the same question keep to it.
func (v *OpenVPN) Pace() time.Duration {
	h := health{probe: v.opts.Probe, metered: v.opts.Link.Metered}
	return h.interval()
}
