package vpn

import "time"

// Pace returns how often others may ask over the link what a probe asks.
func (v *OpenVPN) Pace() time.Duration {
	h := health{probe: v.opts.Probe, metered: v.opts.Link.Metered}
	return questionPace(h.interval(), v.opts.Link.Metered)
}

// questionPace is probe.interval; on a metered link twice its 300 s. While MQTT proves
// such a link it is not probed at all, and every question is somebody else's.
func questionPace(interval time.Duration, metered bool) time.Duration {
	if metered {
		return 2 * interval
	}
	return interval
}
