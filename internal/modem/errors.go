package modem

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// Kinds of failure, which decide what is done next.
var (
	// ErrNoBus: this device runs no system bus, or it is not there now.
	ErrNoBus = errors.New("no system bus")
	// ErrMissing: the service, or what was asked of it, is not on this device.
	ErrMissing = errors.New("not on this device")
	// ErrDenied: polkit or the bus refuses this user.
	ErrDenied = errors.New("not permitted")
	// ErrUnsupported: this modem cannot do it.
	ErrUnsupported = errors.New("not supported by this modem")
)

// mmUnsupported is ModemManager's answer where the modem's plugin has no way.
const mmUnsupported = "org.freedesktop.ModemManager1.Error.Core.Unsupported"

// missingNames and deniedNames are the D-Bus errors of the two kinds.
// https://dbus.freedesktop.org/doc/dbus-specification.html#message-bus-messages
var (
	missingNames = []string{
		"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner",
		"org.freedesktop.DBus.Error.UnknownObject", "org.freedesktop.DBus.Error.UnknownMethod",
		"org.freedesktop.DBus.Error.UnknownInterface", "org.freedesktop.systemd1.NoSuchUnit",
	}
	deniedNames = []string{
		"org.freedesktop.DBus.Error.AccessDenied", "org.freedesktop.DBus.Error.AuthFailed",
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired",
		"org.freedesktop.NetworkManager.PermissionDenied", "org.freedesktop.ModemManager1.Error.Core.Unauthorized",
		"org.freedesktop.PolicyKit1.Error.NotAuthorized",
	}
)

// explain makes an error of what the bus or the service answered.
func explain(o object, method string, err error) error {
	name := method[strings.LastIndex(method, ".")+1:]
	about := fmt.Sprintf("asking %s for %s", serviceTitle(o.service), name)
	var answer dbus.Error
	if !errors.As(err, &answer) {
		return fmt.Errorf("%s: %w", about, err)
	}
	switch {
	case slices.Contains(missingNames, answer.Name):
		return fmt.Errorf("%s: %w (%w)", about, ErrMissing, err)
	case answer.Name == mmUnsupported:
		return fmt.Errorf("%s: %w (%w)", about, ErrUnsupported, err)
	case slices.Contains(deniedNames, answer.Name):
		return fmt.Errorf("%s: %w (%w)", about, ErrDenied, err)
	}
	return fmt.Errorf("%s: %w", about, err)
}

// serviceTitle is a service's name as people know it.
func serviceTitle(service string) string {
	switch service {
	case nmService:
		return "NetworkManager"
	case mmService:
		return "ModemManager"
	case systemdService:
		return "systemd"
	}
	return service
}
