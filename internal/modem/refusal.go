package modem

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// refusal is what only a person can lift.
type refusal struct {
	reason       status.Reason
	detail, hint string
	at           time.Time
}

// nmRefusals are NetworkManager's reasons that no reset mends.
var nmRefusals = map[uint32]status.Reason{
	nmReasonAPNFailed:          status.ReasonAPNRefused,
	nmReasonNoSecrets:          status.ReasonAPNRefused,
	nmReasonRegistrationDenied: status.ReasonRegistrationDenied,
	nmReasonPINCheckFailed:     status.ReasonSIMLocked,
	nmReasonSIMPINRequired:     status.ReasonSIMLocked,
	nmReasonSIMPUKRequired:     status.ReasonSIMLocked,
	nmReasonSIMPINIncorrect:    status.ReasonSIMLocked,
	nmReasonSIMNotInserted:     status.ReasonSIMMissing,
	nmReasonSIMWrong:           status.ReasonSIMMissing,
}

// bearerRefusals are the ends of ModemManager's error names for what a network
// says to a wrong subscription; older versions have Gprs before them.
// https://www.freedesktop.org/software/ModemManager/api/latest/ModemManager-Errors.html
var bearerRefusals = []string{
	"MissingOrUnknownApn", "UserAuthenticationFailed", "ServiceOptionNotSubscribed", "RequestedApnNotSupported",
	"ApnRestrictionIncompatible",
}

// Permanent reports a refusal that only a person can lift. An empty hint leaves
// that of the reason.
func (r *Rescue) Permanent(ctx context.Context) (reason status.Reason, detail, hint string, ok bool) {
	s := r.look(ctx)
	f := r.missing(ctx, s)
	if f == nil && s.own != nil {
		f = s.own.refusal()
	}
	if f == nil {
		f = r.dialRefusal()
	}
	if f == nil {
		return "", "", "", false
	}
	return f.reason, f.detail, f.hint, true
}

// missing names what the configuration asks for and this device does not have. A
// service that is not there at all is no refusal: nobody knows what it would have.
func (r *Rescue) missing(ctx context.Context, s sight) *refusal {
	if r.link.Connection != "" {
		var none *NoConnectionError
		if errors.As(s.nmErr, &none) {
			return &refusal{reason: status.ReasonConnectionMissing, detail: none.Error()}
		}
		return nil
	}
	if r.link.Unit == "" {
		return nil
	}
	u, err := r.sd.unit(ctx, r.link.Unit)
	if err != nil || u.load != "not-found" && u.load != "masked" {
		return nil
	}
	if u.load == "masked" {
		return &refusal{reason: status.ReasonUnitMissing, detail: r.link.Unit + " is masked",
			hint: "`sudo systemctl unmask " + r.link.Unit + "`."}
	}
	detail := "no unit " + r.link.Unit
	if all, err := r.sd.services(ctx); err == nil {
		if near := alike(r.link.Unit, all); len(near) > 0 {
			detail += "; there are: " + strings.Join(near, ", ")
		}
	}
	return &refusal{reason: status.ReasonUnitMissing, detail: detail}
}

// refusal is what the modem itself says now.
func (m modem) refusal() *refusal {
	switch {
	case m.state == mmLocked && (m.lock == mmLockSIMPUK || strings.HasSuffix(lockWord(m.lock), "puk")):
		return &refusal{reason: status.ReasonSIMLocked, detail: fmt.Sprintf("the SIM in %s wants its PUK (%s)", m.title(), lockWord(m.lock)),
			hint: "too many wrong PINs: `sudo mmcli -i any --puk=PUK --pin=NEWPIN`; the operator has the PUK."}
	case m.state == mmLocked && m.lock > mmLockNone:
		return &refusal{reason: status.ReasonSIMLocked, detail: fmt.Sprintf("the SIM in %s wants its PIN (%s)", m.title(), lockWord(m.lock))}
	case m.state == mmFailed && m.failed == mmSIMMissing:
		return &refusal{reason: status.ReasonSIMMissing, detail: "no SIM in " + m.title()}
	case m.state == mmFailed && m.failed == mmSIMError:
		return &refusal{reason: status.ReasonSIMMissing, detail: "the SIM in " + m.title() + " cannot be used"}
	case m.state == mmFailed && m.failed == mmNoProfile:
		return &refusal{reason: status.ReasonSIMMissing, detail: "the eSIM in " + m.title() + " holds no profile",
			hint: "load the operator's profile into the eSIM."}
	case m.registers && m.registration == mmRegistrationDenied:
		return &refusal{reason: status.ReasonRegistrationDenied, detail: "the network denies " + m.title() + " the registration"}
	}
	return nil
}

// dialRefusal is what the last dialling died of, until it is time for another.
func (r *Rescue) dialRefusal() *refusal {
	if r.refused != nil && time.Since(r.refused.at) >= refusalHolds {
		r.refused = nil
	}
	return r.refused
}

// refusalOf judges a failed activation: by what ModemManager keeps of the bearer,
// which knows the APN, or by NetworkManager's reasons. An attempt that was cut
// short, or that NetworkManager refused to begin, says nothing about the SIM.
func (r *Rescue) refusalOf(ctx context.Context, err error) *refusal {
	var failed *ActivationError
	if !errors.As(err, &failed) {
		return nil
	}
	f := &refusal{detail: failed.Error(), at: time.Now()}
	if m := r.look(ctx).own; m != nil {
		if b, ok := m.refusedBearer(); ok {
			f.reason, f.detail = status.ReasonAPNRefused, b.refusal()
			return f
		}
	}
	reason, ok := nmRefusals[failed.Device]
	if !ok {
		return nil
	}
	f.reason = reason
	return f
}

// refusedBearer returns a bearer that the network has refused.
func (m modem) refusedBearer() (bearer, bool) {
	for _, b := range m.bearers {
		for _, end := range bearerRefusals {
			if strings.HasSuffix(b.errorName, end) && !b.connected {
				return b, true
			}
		}
	}
	return bearer{}, false
}

// refusal words it with the APN, which a typing error is in.
func (b bearer) refusal() string {
	text := b.errorText
	if text == "" {
		text = b.errorName[strings.LastIndex(b.errorName, ".")+1:]
	}
	return fmt.Sprintf("the network refuses APN %q: %s", b.apn, text)
}
