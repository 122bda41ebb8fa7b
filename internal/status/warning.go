package status

import "slices"

// WarningID is a stable word for something that is not wrong with a stage yet.
type WarningID string

// The warnings.
const (
	WarnRefused     WarningID = "refused"              // a changed configuration or program
	WarnVPNCert     WarningID = "vpn-cert-ends"        // within 30 days
	WarnIoTCert     WarningID = "iot-cert-ends"        // within 30 days
	WarnClock       WarningID = "clock-unsynchronised" // no time server has confirmed it
	WarnChattyPing  WarningID = "chatty-ping"          // pushed by the server of a metered link
	WarnVoltage     WarningID = "under-voltage"        // now
	WarnVoltagePast WarningID = "under-voltage-past"   // since the boot
	WarnLeak        WarningID = "dns-leak"             // other programs do not ask the VPC resolver
)

// Warning is something that works, and will bite. It is gone from the next
// Snapshot when its cause is.
type Warning struct {
	ID     WarningID `json:"id"`
	Text   string    `json:"text"`   // in plain words, always the same for an ID
	Detail string    `json:"detail"` // figures and names; no secrets
	Hint   string    `json:"hint"`   // the next action
}

// NewWarning returns the Warning of that ID, with its text and hint.
func NewWarning(id WarningID, detail string) Warning {
	t := english.warnings[id]
	return Warning{ID: id, Text: t.title, Detail: detail, Hint: t.hint}
}

// SetWarnings publishes all warnings that hold now, but the one of Warn.
func (b *Board) SetWarnings(all []Warning) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if slices.Equal(b.warnings, all) {
		return
	}
	b.warnings = slices.Clone(all)
	b.announce()
}

// warningList is what a Snapshot shows. Called with b.mu held.
func (b *Board) warningList() []Warning {
	if b.warning == "" {
		return slices.Clone(b.warnings)
	}
	return append([]Warning{NewWarning(WarnRefused, b.warning)}, b.warnings...)
}

// worth returns the warnings that say something which the root cause does not.
func (s Snapshot) worth() []Warning {
	f := s.FixFirst
	return slices.DeleteFunc(slices.Clone(s.Warnings), func(w Warning) bool {
		return w.ID == WarnLeak && f != nil && (f.Reason == ReasonLeak || f.Reason == ReasonHostTrampled)
	})
}
