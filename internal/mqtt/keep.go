package mqtt

// keep decides whether CONNECT asks for a session that outlives the connection.
// Some IoT policies forbid one, and the refusal looks like any other. So after a
// few refusals a CONNECT without one is tried; if that is accepted, one more
// with it tells whether the policy forbids it or was corrected meanwhile.
//
// Once such a session was accepted, refusals mean something else for a while: an
// endpoint that is overrun. A CONNECT without would end the session that AWS
// keeps, with all that it holds.
type keep struct {
	step     keepStep
	refusals int
	kept     bool // one was accepted before
}

type keepStep byte

const (
	keepAsked     keepStep = iota // with a persistent session, as configured
	keepTried                     // one CONNECT without
	keepConfirmed                 // that was accepted: one more with
	keepForbidden                 // and that refused: without from now on
)

// ask reports whether the next CONNECT is to ask for a persistent session.
func (k *keep) ask() bool { return k.step == keepAsked || k.step == keepConfirmed }

// forbidden reports whether the policy was seen to forbid what is configured.
func (k *keep) forbidden() bool { return k.step == keepForbidden }

// refused takes note of a CONNECT that a policy may have refused.
func (k *keep) refused() {
	switch k.step {
	case keepAsked:
		patience := cleanAfter
		if k.kept {
			patience = cleanAfterKept
		}
		if k.refusals++; k.refusals >= patience {
			k.step = keepTried
		}
	case keepConfirmed:
		k.step = keepForbidden
	case keepTried, keepForbidden:
		*k = keep{kept: k.kept} // it is not about persistence: begin again
	}
}

// accepted takes note of an accepted CONNECT. It returns false if that was only
// to find out, and the connection should make room for the one that counts.
func (k *keep) accepted() bool {
	switch k.step {
	case keepTried:
		k.step, k.kept = keepConfirmed, false
		return false
	case keepAsked, keepConfirmed:
		*k = keep{kept: true}
	}
	return true
}
