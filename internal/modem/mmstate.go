package modem

import "strings"

// Numbers of ModemManager.
// https://www.freedesktop.org/software/ModemManager/api/latest/ModemManager-Flags-and-Enumerations.html
const (
	mmPortNet = 2 // MMModemPortType

	mmFailed     = -1 // MMModemState
	mmLocked     = 2
	mmRegistered = 8

	mmSIMMissing = 2 // MMModemStateFailedReason
	mmSIMError   = 3
	mmNoProfile  = 5

	mmLockNone   = 1 // MMModemLock
	mmLockSIMPIN = 2
	mmLockSIMPUK = 4

	mmRegistrationDenied = 3 // MMModem3gppRegistrationState

	mmPowerLow = 2 // MMModemPowerState
)

// modemStates words MMModemState; the first is -1.
var modemStates = [...]string{
	"failed", "unknown", "initializing", "locked", "disabled", "disabling", "enabling", "enabled", "searching",
	"registered", "disconnecting", "connecting", "connected",
}

// stateWord is how `mmcli` calls a state.
func stateWord(state int32) string {
	if i := int(state) + 1; i >= 0 && i < len(modemStates) {
		return modemStates[i]
	}
	return "unknown"
}

// lockWords words MMModemLock as `mmcli` does. Those that begin with ph- lock the
// modem to a network or a SIM: a branded modem with another operator's SIM.
var lockWords = [...]string{
	"unknown", "none", "sim-pin", "sim-pin2", "sim-puk", "sim-puk2", "ph-sp-pin", "ph-sp-puk", "ph-net-pin", "ph-net-puk",
	"ph-sim-pin", "ph-corp-pin", "ph-corp-puk", "ph-fsim-pin", "ph-fsim-puk", "ph-netsub-pin", "ph-netsub-puk",
}

func lockWord(lock uint32) string {
	if int(lock) < len(lockWords) {
		return lockWords[lock]
	}
	return "unknown"
}

// simWord is the state of the SIM in one word.
func (m modem) simWord() string {
	switch {
	case m.state == mmFailed && m.failed == mmSIMMissing:
		return "missing"
	case m.state == mmFailed && (m.failed == mmSIMError || m.failed == mmNoProfile):
		return "unusable"
	case m.state == mmLocked:
		return lockWord(m.lock)
	case m.state > mmLocked:
		return "ready"
	}
	return "unknown"
}

// technologies are those that a gateway meets, the best last.
var technologies = []struct {
	bit  uint32
	name string
}{
	{1 << 1, "gsm"}, {1 << 3, "gprs"}, {1 << 4, "edge"}, {1 << 5, "umts"}, {1 << 6, "hsdpa"}, {1 << 7, "hsupa"},
	{1 << 8, "hspa"}, {1 << 9, "hspa+"}, {1 << 17, "nb-iot"}, {1 << 16, "lte-m"}, {1 << 14, "lte"}, {1 << 15, "5g"},
}

// technologyWord names what the bits of MMModemAccessTechnology hold.
func technologyWord(bits uint32) string {
	var words []string
	for _, t := range technologies {
		if bits&t.bit != 0 {
			words = append(words, t.name)
		}
	}
	return strings.Join(words, ",")
}
