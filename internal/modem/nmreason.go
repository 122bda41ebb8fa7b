package modem

import "fmt"

// Numbers of NetworkManager that decide something.
// https://networkmanager.dev/docs/api/latest/nm-dbus-types.html
const (
	nmDeviceFailed = 120 // NMDeviceState

	nmReasonUnknown = 1 // NMDeviceStateReason, as all below

	nmReasonNoSecrets          = 7
	nmReasonPPPStartFailed     = 12
	nmReasonPPPDisconnect      = 13
	nmReasonPPPFailed          = 14
	nmReasonModemBusy          = 23
	nmReasonModemNoCarrier     = 25
	nmReasonModemDialTimeout   = 26
	nmReasonModemDialFailed    = 27
	nmReasonModemInitFailed    = 28
	nmReasonAPNFailed          = 29
	nmReasonNotSearching       = 30
	nmReasonRegistrationDenied = 31
	nmReasonRegistrationTime   = 32
	nmReasonRegistrationFailed = 33
	nmReasonPINCheckFailed     = 34
	nmReasonRemoved            = 36
	nmReasonModemNotFound      = 43
	nmReasonSIMNotInserted     = 45
	nmReasonSIMPINRequired     = 46
	nmReasonSIMPUKRequired     = 47
	nmReasonSIMWrong           = 48
	nmReasonNoModemManager     = 52
	nmReasonModemFailed        = 57
	nmReasonSIMPINIncorrect    = 59
)

// deviceReasons words what NetworkManager has to say about a modem. nmcli words
// them too, but in the language of whoever calls it, and not for a person who
// stands before the device. Numbers that no modem meets are left out.
var deviceReasons = map[uint32]string{
	4:                          "the device could not be configured",
	5:                          "no IP configuration came",
	nmReasonNoSecrets:          "a password is missing in the connection",
	nmReasonPPPStartFailed:     "PPP could not be started",
	nmReasonPPPDisconnect:      "PPP was disconnected",
	nmReasonPPPFailed:          "PPP failed",
	nmReasonModemBusy:          "the line is busy",
	24:                         "there is no dial tone",
	nmReasonModemNoCarrier:     "there is no carrier",
	nmReasonModemDialTimeout:   "dialling timed out",
	nmReasonModemDialFailed:    "dialling failed",
	nmReasonModemInitFailed:    "the modem could not be initialised",
	nmReasonAPNFailed:          "the network refuses the APN",
	nmReasonNotSearching:       "the modem does not search for a network",
	nmReasonRegistrationDenied: "the network denies the registration",
	nmReasonRegistrationTime:   "the registration timed out",
	nmReasonRegistrationFailed: "the registration failed",
	nmReasonPINCheckFailed:     "the SIM's PIN was not accepted",
	35:                         "the modem's firmware is missing",
	nmReasonRemoved:            "the device was removed",
	39:                         "somebody disconnected it",
	nmReasonModemNotFound:      "the modem was not found",
	nmReasonSIMNotInserted:     "no SIM is inserted",
	nmReasonSIMPINRequired:     "the SIM wants its PIN",
	nmReasonSIMPUKRequired:     "the SIM wants its PUK",
	nmReasonSIMWrong:           "the SIM is a wrong one",
	nmReasonNoModemManager:     "ModemManager is not available",
	nmReasonModemFailed:        "the modem failed",
	nmReasonSIMPINIncorrect:    "the SIM's PIN is wrong",
}

// connectionReasons words NMActiveConnectionStateReason.
var connectionReasons = map[uint32]string{
	2: "somebody disconnected it", 3: "the device was disconnected", 4: "the service behind it stopped",
	5: "the IP configuration is invalid", 6: "it timed out", 7: "the service behind it took too long to start",
	8: "the service behind it did not start", 9: "a password is missing in the connection", 10: "the login failed",
	11: "the connection was deleted", 12: "what it depends on failed", 14: "the device was removed",
}

// activationReason words both numbers. The device's says more: the connection's is
// "the device was disconnected" for nearly everything. A number that is not known
// is shown, so that it can be looked up.
func activationReason(connection, device uint32) string {
	if text, ok := deviceReasons[device]; ok {
		return text
	}
	if text, ok := connectionReasons[connection]; ok {
		return text
	}
	if connection <= nmReasonUnknown && device <= nmReasonUnknown {
		return "NetworkManager does not say why"
	}
	return fmt.Sprintf("NetworkManager's reasons %d and %d", connection, device)
}
