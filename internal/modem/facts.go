package modem

import (
	"context"

	"edgeagent/internal/status"
)

// Facts are published with the link's own: modem, modem_state, sim, operator,
// technology, signal_percent and connection_state. Nil if nobody knows anything.
func (r *Rescue) Facts(ctx context.Context) status.Facts {
	s, f := r.look(ctx), status.Facts{}
	if s.own != nil {
		f = s.own.facts()
	}
	if state := s.connectionState(); state != "" {
		f["connection_state"] = state
	}
	if len(f) == 0 {
		return nil
	}
	return f
}

// facts are what a tech asks first on the telephone: is there a SIM, which network,
// how strong. They leave out what the modem does not know.
func (m modem) facts() status.Facts {
	f := status.Facts{"modem": m.title(), "modem_state": stateWord(m.state), "sim": m.simWord()}
	if m.operator != "" {
		f["operator"] = m.operator
	}
	if t := technologyWord(m.technologies); t != "" {
		f["technology"] = t
	}
	if m.signalKnown && m.state >= mmRegistered {
		f["signal_percent"] = int(m.signal)
	}
	return f
}

// activeStates words NMActiveConnectionState.
var activeStates = [...]string{"unknown", "activating", "activated", "deactivating", "deactivated"}

// connectionState is how far NetworkManager is with the connection; empty: the
// link has none, or NetworkManager is not there.
func (s sight) connectionState() string {
	switch {
	case s.profile.path == "" || s.nmErr != nil || int(s.dial.state) >= len(activeStates):
		return ""
	case !s.dialled:
		return "deactivated"
	}
	return activeStates[s.dial.state]
}
