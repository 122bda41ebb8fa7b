package lab

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// Names on the bus.
const (
	nmService, nmPath = "org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager"
	mmService, mmPath = "org.freedesktop.ModemManager1", "/org/freedesktop/ModemManager1"
	mockInterface     = "org.freedesktop.DBus.Mock"
	python            = "/usr/bin/python3" // that dbusmock is a package of
)

// busConfig is a bus on which everybody may do everything.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><auth>EXTERNAL</auth><listen>unix:path=SOCKET</listen>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow send_type="signal"/>
<allow receive_type="signal"/><allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
</policy></busconfig>`

// bus is the device's system bus: a real one, with a NetworkManager and a
// ModemManager on it that do nothing but note what they are asked to.
type bus struct {
	t       *testing.T
	lab     *Lab
	address string
	conn    *dbus.Conn
}

// startBus starts it, with a connection soracom and a modem on wwan0.
func startBus(t *testing.T, l *Lab) *bus {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon (Debian package dbus-daemon)")
	}
	if err := exec.Command(python, "-c", "import dbusmock").Run(); err != nil {
		t.Skip("needs dbusmock (Debian package python3-dbusmock)")
	}
	b := &bus{t: t, lab: l, address: "unix:path=" + l.path("device", "bus")}
	config := l.path("device", "bus.conf")
	must(t, os.WriteFile(config, []byte(strings.ReplaceAll(busConfig, "SOCKET", l.path("device", "bus"))), 0o600))
	_, err := l.start(l.Device, "dbus", "dbus-daemon", "--nofork", "--config-file="+config)
	must(t, err)
	must(t, Poll(within(t, testTimeout), readyEvery, func() (err error) {
		b.conn, err = dbus.Connect(b.address)
		return err
	}))
	t.Cleanup(func() { b.conn.Close() })
	b.networkManager()
	b.modemManager()
	return b
}

func (b *bus) networkManager() {
	b.t.Helper()
	b.mock(nmService, "--template", "networkmanager")
	b.call(nmService, nmPath, mockInterface+".AddEthernetDevice", "cdc_wdm0", "cdc-wdm0", int32(30))
	v := func(text string) dbus.Variant { return dbus.MakeVariant(text) }
	b.call(nmService, nmPath+"/Settings", nmService+".Settings.AddConnection", map[string]map[string]dbus.Variant{
		"connection": {"id": v("soracom"), "type": v("gsm"), "uuid": v("uuid-soracom")},
	})
}

// modemManager has one modem: registered, with its SIM unlocked.
func (b *bus) modemManager() {
	b.t.Helper()
	type port struct {
		Name string
		Type uint32
	}
	type method struct{ Name, In, Out, Code string }
	const connected, unlocked, netPort = int32(11), uint32(1), uint32(2)
	b.mock(mmService, "--is-object-manager", mmService, mmPath, mmService)
	b.call(mmService, mmPath, mockInterface+".AddObject", mmPath+"/Modem/0", mmService+".Modem", map[string]dbus.Variant{
		"Manufacturer": dbus.MakeVariant("SIMCOM INCORPORATED"), "Model": dbus.MakeVariant("SIM7600G-H"),
		"State": dbus.MakeVariant(connected), "UnlockRequired": dbus.MakeVariant(unlocked),
		"Ports": dbus.MakeVariant([]port{{"wwan0", netPort}}),
		"Sim":   dbus.MakeVariant(dbus.ObjectPath(mmPath + "/SIM/0")),
	}, []method{{"Enable", "b", "", ""}, {"SetPowerState", "u", "", ""}, {"Reset", "", "", ""}})
}

// mock starts a service and waits for its name on the bus.
func (b *bus) mock(service string, args ...string) {
	b.t.Helper()
	argv := append([]string{"env", "DBUS_SYSTEM_BUS_ADDRESS=" + b.address, python, "-m", "dbusmock", "--system"}, args...)
	_, err := b.lab.start(b.lab.Device, service, argv...)
	must(b.t, err)
	must(b.t, Poll(within(b.t, testTimeout), readyEvery, func() error {
		var owned bool
		err := b.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, service).Store(&owned)
		if err == nil && !owned {
			err = errors.New(service + " is not on the bus yet")
		}
		return err
	}))
}

func (b *bus) call(service, path, method string, args ...any) *dbus.Call {
	b.t.Helper()
	call := b.conn.Object(service, dbus.ObjectPath(path)).Call(method, 0, args...)
	must(b.t, call.Err)
	return call
}

// asked counts the calls of a method.
func (b *bus) asked(service, path, method string) int {
	b.t.Helper()
	var rows [][]any
	must(b.t, b.call(service, path, mockInterface+".GetMethodCalls", method).Store(&rows))
	return len(rows)
}

// touched counts what was done to the modem.
func (b *bus) touched() (n int) {
	b.t.Helper()
	for _, method := range []string{"Enable", "SetPowerState", "Reset"} {
		n += b.asked(mmService, mmPath+"/Modem/0", method)
	}
	return n
}

// activations counts how often the connection was dialled.
func (b *bus) activations() int {
	b.t.Helper()
	return b.asked(nmService, nmPath, "ActivateConnection")
}

// startAgent starts the program with this bus as the system's.
func (b *bus) startAgent() *Agent {
	b.t.Helper()
	bin, err := filepath.Abs(os.Getenv(BinEnv))
	must(b.t, err)
	p, err := b.lab.start(b.lab.Device, "edgeagent", "env", "DBUS_SYSTEM_BUS_ADDRESS="+b.address, bin, "run",
		"--config", b.lab.ConfigFile(), "--runtime-dir", b.lab.RuntimeDir(), "--state-dir", b.lab.StateDir())
	must(b.t, err)
	return &Agent{Process: p, lab: b.lab, bin: bin}
}
