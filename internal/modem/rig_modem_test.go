package modem

import (
	"os/exec"

	"github.com/godbus/dbus/v5"
)

// port and quality have the signatures (su) and (ub) of ModemManager.
type (
	port struct {
		Name string
		Type uint32
	}
	quality struct {
		Percent uint32
		Recent  bool
	}
	pair struct{ Name, Text string }
)

// modemProps are a modem's properties as ModemManager 1.20 publishes them.
func modemProps() map[string]dbus.Variant {
	return map[string]dbus.Variant{
		"Manufacturer":       dbus.MakeVariant("SIMCOM INCORPORATED"),
		"Model":              dbus.MakeVariant("SIM7600G-H"),
		"State":              dbus.MakeVariant(int32(11)),
		"StateFailedReason":  dbus.MakeVariant(uint32(0)),
		"UnlockRequired":     dbus.MakeVariant(uint32(mmLockNone)),
		"SignalQuality":      dbus.MakeVariant(quality{74, true}),
		"AccessTechnologies": dbus.MakeVariant(uint32(1 << 14)),
		"Device":             dbus.MakeVariant("/sys/devices/platform/usb1/1-1/1-1.2"),
		"Ports":              dbus.MakeVariant([]port{{"ttyUSB2", 3}, {"cdc-wdm0", 6}, {"wwan0", mmPortNet}}),
		"Bearers":            dbus.MakeVariant([]dbus.ObjectPath{mmPath + "/Bearer/0"}),
		"Sim":                dbus.MakeVariant(dbus.ObjectPath(mmPath + "/SIM/0")),
	}
}

// modemManager starts a ModemManager without modems.
func (r *rig) modemManager() *exec.Cmd {
	r.t.Helper()
	return r.mock(mmService, "--is-object-manager", mmService, mmPath, mmService)
}

// modemMethods are what a test looks for in the mock's log.
type modemMethod struct{ Name, In, Out, Code string }

// modem plugs a modem in, with its bearer.
func (r *rig) modem(number string, change map[string]any) {
	r.t.Helper()
	path, p := mmPath+"/Modem/"+number, modemProps()
	for name, value := range change {
		p[name] = dbus.MakeVariant(value)
	}
	r.call(mmService, mmPath, mockInterface+".AddObject", path, mmModem, p, []modemMethod{
		{"Enable", "b", "", ""}, {"SetPowerState", "u", "", ""}, {"Reset", "", "", ""},
	})
	r.call(mmService, path, mockInterface+".AddProperties", mm3GPP, map[string]dbus.Variant{
		"RegistrationState": dbus.MakeVariant(uint32(1)), "OperatorName": dbus.MakeVariant("NTT DOCOMO"), "OperatorCode": dbus.MakeVariant("44010"),
	})
	r.signal(mmService, mmPath, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", "oa{sa{sv}}",
		dbus.ObjectPath(path), map[string]map[string]dbus.Variant{mmModem: p})
}

// bearer adds the modem's connection.
func (r *rig) bearer(change map[string]any) {
	r.t.Helper()
	p := map[string]dbus.Variant{
		"Interface": dbus.MakeVariant("wwan0"), "Connected": dbus.MakeVariant(true),
		"Properties":      dbus.MakeVariant(map[string]dbus.Variant{"apn": dbus.MakeVariant("soracom.io")}),
		"ConnectionError": dbus.MakeVariant(pair{}),
	}
	for name, value := range change {
		p[name] = dbus.MakeVariant(value)
	}
	r.call(mmService, mmPath, mockInterface+".AddObject", mmPath+"/Bearer/0", mmBearer, p, []modemMethod{})
}

// unplug takes a modem away.
func (r *rig) unplug(number string) {
	r.t.Helper()
	path := mmPath + "/Modem/" + number
	r.call(mmService, mmPath, mockInterface+".RemoveObject", path)
	r.signal(mmService, mmPath, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", "oas",
		dbus.ObjectPath(path), []string{mmModem, mm3GPP})
}
