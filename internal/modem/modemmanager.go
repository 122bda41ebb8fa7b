package modem

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// ModemManager's D-Bus API.
// https://www.freedesktop.org/software/ModemManager/api/latest/ref-dbus.html
const (
	mmService = "org.freedesktop.ModemManager1"
	mmPath    = "/org/freedesktop/ModemManager1"
	mmModem   = "org.freedesktop.ModemManager1.Modem"
	mm3GPP    = "org.freedesktop.ModemManager1.Modem.Modem3gpp"
	mmBearer  = "org.freedesktop.ModemManager1.Bearer"

	mmUnit = "ModemManager.service"
)

var mmMain = object{mmService, mmPath}

// modem is what ModemManager says of one modem at one moment. Its path is good
// for that moment only: a modem that is reset, replugged or probed anew has
// another, and an old path may come to name another modem.
type modem struct {
	path         dbus.ObjectPath
	manufacturer string
	model        string
	state        int32  // MMModemState
	failed       uint32 // MMModemStateFailedReason, while state is failed
	lock         uint32 // MMModemLock
	signal       uint32 // percent
	signalKnown  bool
	technologies uint32 // MMModemAccessTechnology
	registration uint32 // MMModem3gppRegistrationState
	registers    bool   // it has one at all
	operator     string
	ports        []string // its network devices
	physical     []string // where it may be in /sys
	bearers      []bearer
}

// bearer is a connection of a modem to the network.
type bearer struct {
	iface     string
	apn       string
	connected bool
	errorName string // the D-Bus name of what the last attempt died of
	errorText string
}

// modemManager is a client of ModemManager.
type modemManager struct{ bus *Bus }

// modems lists the modems in the order of their paths.
func (m modemManager) modems(ctx context.Context) ([]modem, error) {
	var objects map[dbus.ObjectPath]map[string]map[string]dbus.Variant
	err := m.bus.call(ctx, mmMain, "org.freedesktop.DBus.ObjectManager.GetManagedObjects", nil, &objects)
	if err != nil {
		return nil, err
	}
	var all []modem
	for path, interfaces := range objects {
		if p, ok := interfaces[mmModem]; ok {
			one := newModem(path, p)
			if three, ok := interfaces[mm3GPP]; ok {
				one.registers = true
				one.registration = get[uint32](three, "RegistrationState")
				one.operator = cmp.Or(get[string](three, "OperatorName"), get[string](three, "OperatorCode"))
			}
			one.bearers = m.bearers(ctx, get[[]dbus.ObjectPath](p, "Bearers"))
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b modem) int { return cmp.Compare(a.path, b.path) })
	return all, nil
}

// newModem reads the properties of the modem's main interface. A modem that has
// failed or is locked has but few of them; what is absent stays zero.
func newModem(path dbus.ObjectPath, p props) modem {
	quality := get[[]any](p, "SignalQuality")
	m := modem{
		path: path, manufacturer: get[string](p, "Manufacturer"), model: get[string](p, "Model"),
		state: get[int32](p, "State"), failed: get[uint32](p, "StateFailedReason"), lock: get[uint32](p, "UnlockRequired"),
		signal: at[uint32](quality, 0), signalKnown: len(quality) > 0,
		technologies: get[uint32](p, "AccessTechnologies"),
	}
	for _, name := range []string{"Physdev", "Device"} {
		// Device may be a name that a udev rule has given.
		if dir := get[string](p, name); strings.HasPrefix(dir, "/") {
			m.physical = append(m.physical, dir)
		}
	}
	for _, port := range get[[][]any](p, "Ports") {
		if at[uint32](port, 1) == mmPortNet {
			m.ports = append(m.ports, at[string](port, 0))
		}
	}
	return m
}

// bearers are read for what the last attempt died of, which nothing else keeps:
// NetworkManager sums it up as "dialling failed". They are no part of ModemManager's
// object tree and are read one by one.
func (m modemManager) bearers(ctx context.Context, paths []dbus.ObjectPath) []bearer {
	var all []bearer
	for _, path := range paths {
		p, err := m.bus.properties(ctx, object{mmService, path}, mmBearer)
		if err != nil {
			continue // gone in between
		}
		settings := props(get[map[string]dbus.Variant](p, "Properties"))
		failure := get[[]any](p, "ConnectionError")
		all = append(all, bearer{
			iface: get[string](p, "Interface"), connected: get[bool](p, "Connected"), apn: get[string](settings, "apn"),
			errorName: at[string](failure, 0), errorText: at[string](failure, 1),
		})
	}
	return all
}

// uses reports whether the modem has a network device, or carries one.
func (m modem) uses(iface string) bool {
	return slices.Contains(m.ports, iface) ||
		slices.ContainsFunc(m.bearers, func(b bearer) bool { return b.iface == iface })
}

// busy reports whether the modem carries a connection, so that somebody's traffic
// would be cut if it were touched.
func (m modem) busy() bool {
	return slices.ContainsFunc(m.bearers, func(b bearer) bool { return b.connected })
}

// title is the modem's name for people.
func (m modem) title() string {
	name := strings.TrimSpace(m.manufacturer + " " + m.model)
	return cmp.Or(name, "modem "+string(m.path[strings.LastIndex(string(m.path), "/")+1:]))
}
