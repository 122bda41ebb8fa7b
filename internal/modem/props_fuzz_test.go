package modem

import (
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// mmNames are the properties that are read of a modem.
var mmNames = []string{
	"Manufacturer", "Model", "State", "StateFailedReason", "UnlockRequired", "SignalQuality", "AccessTechnologies",
	"Physdev", "Device", "Ports", "Bearers",
}

// valueOf makes a D-Bus value of one of the types that there are: what a newer
// service may send where another type was.
func valueOf(kind byte, text string, n uint64) any {
	structure := []any{text, uint32(n)}
	all := []any{
		text, uint32(n), int32(n), n, n%2 == 0, byte(n), dbus.ObjectPath(text), structure, []any{}, []any{uint32(n), true},
		[][]any{structure, {}, {text}, {uint32(n), text}}, [][]any{}, []dbus.ObjectPath{dbus.ObjectPath(text)}, []string{text},
		map[string]dbus.Variant{text: dbus.MakeVariant(n)}, float64(n),
	}
	return all[int(kind)%len(all)]
}

// Whatever ModemManager says, of whatever types: a modem comes of it that has a
// name for people, and no place in it that is none in /sys.
func FuzzModem(f *testing.F) {
	f.Add("/org/freedesktop/ModemManager1/Modem/0", []byte{0, 0, 2, 1, 1, 7, 1, 0, 0, 10, 12}, "/sys/devices/platform/usb1/1-1", uint64(2))
	f.Add("/org/freedesktop/ModemManager1/Modem/3", []byte{1, 1, 0, 0, 2, 9, 2, 3, 4, 5, 6}, "", uint64(0))
	f.Add("", []byte{}, "\x1b[2J", uint64(1<<63))
	f.Fuzz(func(t *testing.T, path string, kinds []byte, text string, n uint64) {
		p := props{}
		for i, kind := range kinds {
			if i < len(mmNames) {
				p[mmNames[i]] = dbus.MakeVariantWithSignature(valueOf(kind, text, n+uint64(i)), dbus.Signature{})
			}
		}
		m := newModem(dbus.ObjectPath(path), p)
		for _, place := range m.physical {
			if !strings.HasPrefix(place, "/") {
				t.Errorf("it is at %q", place)
			}
		}
		for _, port := range m.ports {
			if port != "" && port != text {
				t.Errorf("a port %q, and nobody has said so", port)
			}
		}
		if m.title() == "" && path != "" && !strings.HasSuffix(path, "/") {
			t.Errorf("no name for %q", path)
		}
		if m.busy() {
			t.Error("busy without a bearer")
		}
	})
}
