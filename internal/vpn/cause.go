package vpn

import (
	"time"

	"edgeagent/internal/status"
)

// cause is why the link is not up, and how much sense another attempt makes.
type cause struct {
	reason status.Reason
	text   string // one plain phrase with the figures
	hint   string // the next action, where the reason's own would be too general
	pace   pace
}

// pace is how soon to try again after a failure.
type pace int

const (
	// fast is for what may pass by itself at any moment.
	fast pace = iota
	// recheck is for what the agent can look at again without touching the
	// network: clock, certificate, file.
	recheck
	// slow is for a refusal that only a person can lift.
	slow
	// halted is for a server that told this client to go.
	halted
)

// pause returns how long to wait, given the back-off for the fast ones.
func (p pace) pause(b *backoff) time.Duration {
	switch p {
	case recheck:
		return precheckEvery
	case slow:
		return jitter(rejectPause)
	case halted:
		halt := backoff{base: haltBase, limit: rejectPause, tries: b.tries + 1}
		b.tries++
		return haltBase/2 + halt.next()
	}
	return b.next()
}

// climbs reports whether the recovery ladder can do anything about c. It never
// answers a refusal, and a missing uplink or name is not OpenVPN's fault.
func (c cause) climbs() bool {
	if c.pace != fast {
		return false
	}
	switch c.reason {
	case status.ReasonNoUplink, status.ReasonNoName, status.ReasonProcessExited, status.ReasonTunUnavailable, status.ReasonVPCSilent:
		return false
	}
	return true
}
