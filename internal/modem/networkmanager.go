package modem

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// NetworkManager's D-Bus API.
// https://networkmanager.dev/docs/api/latest/spec.html
const (
	nmService    = "org.freedesktop.NetworkManager"
	nmPath       = "/org/freedesktop/NetworkManager"
	nmSettings   = "org.freedesktop.NetworkManager.Settings"
	nmConnection = "org.freedesktop.NetworkManager.Settings.Connection"
	nmActive     = "org.freedesktop.NetworkManager.Connection.Active"
	nmDevice     = "org.freedesktop.NetworkManager.Device"
)

var (
	nmMain         = object{nmService, nmPath}
	nmSettingsMain = object{nmService, nmPath + "/Settings"}
)

// noObject is how NetworkManager writes "none" where a path belongs.
const noObject = dbus.ObjectPath("/")

// profile is a connection as it is configured.
type profile struct {
	path           dbus.ObjectPath
	id, uuid, kind string
}

// is reports whether that is the profile's name, or its UUID.
func (p profile) is(name string) bool { return p.id == name || p.uuid == name }

// isModem reports whether a modem dials the profile.
func (p profile) isModem() bool { return p.kind == "gsm" || p.kind == "cdma" }

// networkManager is a client of NetworkManager. It is asked, never configured: the
// connection is the admin's, and NetworkManager is where he looks for it. It
// keeps nothing, because NetworkManager may be restarted between two questions.
type networkManager struct{ bus *Bus }

// profiles lists the connections that this user may see.
func (n networkManager) profiles(ctx context.Context) ([]profile, error) {
	var paths []dbus.ObjectPath
	if err := n.bus.call(ctx, nmSettingsMain, nmSettings+".ListConnections", nil, &paths); err != nil {
		return nil, err
	}
	var all []profile
	for _, path := range paths {
		if p, err := n.profile(ctx, path); err == nil { // not deleted in between, nor another user's
			all = append(all, p)
		}
	}
	return all, nil
}

// profile reads one connection.
func (n networkManager) profile(ctx context.Context, path dbus.ObjectPath) (profile, error) {
	var settings map[string]map[string]dbus.Variant
	err := n.bus.call(ctx, object{nmService, path}, nmConnection+".GetSettings", nil, &settings)
	c := props(settings["connection"])
	return profile{path: path, id: get[string](c, "id"), uuid: get[string](c, "uuid"), kind: get[string](c, "type")}, err
}

// find returns the profile called name, which may be its UUID as well. The error
// says what there is instead.
func (n networkManager) find(ctx context.Context, name string) (profile, error) {
	all, err := n.profiles(ctx)
	if err != nil {
		return profile{}, err
	}
	for _, p := range all {
		if p.is(name) {
			return p, nil
		}
	}
	return profile{}, &NoConnectionError{Name: name, Others: ids(all)}
}

// ids are the names of connections, without that of the loopback device, which
// newer versions list and nobody has made.
func ids(all []profile) []string {
	var names []string
	for _, p := range all {
		if p.kind != "loopback" {
			names = append(names, p.id)
		}
	}
	slices.Sort(names)
	return names
}

// NoConnectionError means that NetworkManager has no connection of a name.
type NoConnectionError struct {
	Name   string
	Others []string // what it has, sorted
}

// Error implements error.
func (e *NoConnectionError) Error() string {
	if len(e.Others) == 0 {
		return fmt.Sprintf("no connection %s; NetworkManager has none at all", e.Name)
	}
	shown, more := e.Others, ""
	if len(shown) > shownConnections {
		more = fmt.Sprintf(" and %d more", len(shown)-shownConnections)
		shown = shown[:shownConnections]
	}
	return fmt.Sprintf("no connection %s; there are: %s%s", e.Name, strings.Join(shown, ", "), more)
}

// Is makes it an ErrMissing.
func (e *NoConnectionError) Is(target error) bool { return target == ErrMissing }

// States of an active connection.
// https://networkmanager.dev/docs/api/latest/nm-dbus-types.html#NMActiveConnectionState
const (
	nmActivating  = 1
	nmActivated   = 2
	nmDeactivated = 4
)

// active is a connection that is up, or on its way.
type active struct {
	path    dbus.ObjectPath
	state   uint32
	devices []dbus.ObjectPath
}

// active returns the activation of a profile; ok is false if there is none. The
// list of active connections is read anew each time: its paths are numbered from
// one again when NetworkManager is restarted.
func (n networkManager) active(ctx context.Context, p profile) (a active, ok bool, err error) {
	main, err := n.bus.properties(ctx, nmMain, nmService)
	if err != nil {
		return active{}, false, err
	}
	for _, path := range get[[]dbus.ObjectPath](main, "ActiveConnections") {
		a, err := n.activation(ctx, path)
		if err != nil {
			continue // gone in between
		}
		if a.of == p.path {
			return a.active, true, nil
		}
	}
	return active{}, false, nil
}

// activation is an active connection and the profile it is of.
type activation struct {
	active
	of dbus.ObjectPath
}

func (n networkManager) activation(ctx context.Context, path dbus.ObjectPath) (activation, error) {
	p, err := n.bus.properties(ctx, object{nmService, path}, nmActive)
	if err != nil {
		return activation{}, err
	}
	return activation{
		active{path: path, state: get[uint32](p, "State"), devices: get[[]dbus.ObjectPath](p, "Devices")},
		get[dbus.ObjectPath](p, "Connection"),
	}, nil
}

// device is a network device as NetworkManager sees it.
type device struct {
	udi    string // for a modem: its path at ModemManager
	reason uint32 // NMDeviceStateReason
}

func (n networkManager) device(ctx context.Context, path dbus.ObjectPath) (device, error) {
	p, err := n.bus.properties(ctx, object{nmService, path}, nmDevice)
	if err != nil {
		return device{}, err
	}
	return device{udi: get[string](p, "Udi"), reason: at[uint32](get[[]any](p, "StateReason"), 1)}, nil
}
