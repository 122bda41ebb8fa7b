package machine

import (
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab/rootfs"
)

// darkness is how long a device is left without an uplink after its boot: more
// than any of the agent's first waits and OpenVPN's own.
const darkness = 2 * time.Minute

func TestBootWithoutUplink(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := configured(t, system{Release: rootfs.Trixie}, nil)
	must(t, m.PowerOff(within(t, testTimeout)))
	must(t, m.lab.Unplug())
	must(t, m.PowerOn(within(t, testTimeout)))
	must(t, m.WaitActive(within(t, testTimeout), Unit))
	// Real time: what is tested is that timers which have grown meanwhile do not
	// keep the path down when the cable is back.
	<-time.After(darkness)
	if got := property(t, m, Unit, "NRestarts"); got != "0" {
		t.Errorf("without an uplink the unit has restarted %s times", got)
	}
	screen, err := m.Run(t.Context(), "edgeagent", "status")
	must(t, err)
	t.Logf("after %s in the dark:\n%s", darkness, screen.Output)
	must(t, m.lab.Plug())
	figure(t, "cable plugged in to connected", waitOK(t, m))
	privateOnly(t, m)
	neverInTheOpen(t, m)
}

func TestUplinkAddressComesLate(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := configured(t, system{Release: rootfs.Bookworm}, nil)
	must(t, m.PowerOff(within(t, testTimeout)))
	addr, route := uplink(t, m)
	// A modem that is not there at boot, then appears without an address.
	node(t, m, "ip", "addr", "flush", "dev", "eth0")
	node(t, m, "ip", "link", "set", "eth0", "down")
	must(t, m.PowerOn(within(t, testTimeout)))
	must(t, m.WaitActive(within(t, testTimeout), Unit))
	node(t, m, "ip", "link", "set", "eth0", "up")
	if _, err := m.WaitStage(within(t, testTimeout), "link", "down", "no-uplink"); err != nil {
		t.Error(err)
	}
	node(t, m, "ip", "addr", "add", addr, "dev", "eth0")
	node(t, m, "ip", "route", "add", "default", "via", route)
	figure(t, "late address to connected", waitOK(t, m))
	privateOnly(t, m)
	neverInTheOpen(t, m)
}

// uplink returns the device's address and its router's.
func uplink(t *testing.T, m *Machine) (addr, router string) {
	t.Helper()
	fields := strings.Fields(node(t, m, "ip", "-br", "-4", "addr", "show", "eth0"))
	route := strings.Fields(node(t, m, "ip", "route", "show", "default"))
	if len(fields) < 3 || len(route) < 3 {
		t.Fatalf("the device's address: %v, its route: %v", fields, route)
	}
	return fields[2], route[2]
}

// node runs a program in the machine's network, but not in the machine.
func node(t *testing.T, m *Machine, name string, args ...string) string {
	t.Helper()
	out, err := m.node.Run(within(t, testTimeout), name, args...)
	must(t, err)
	return out
}
