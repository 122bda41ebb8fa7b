package modem

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// What is done next depends on the kind of a failure alone.
func TestKindsOfErrors(t *testing.T) {
	kinds := []error{ErrMissing, ErrDenied, ErrUnsupported, ErrNoBus}
	tests := map[string]error{
		"org.freedesktop.DBus.Error.ServiceUnknown":                   ErrMissing,
		"org.freedesktop.DBus.Error.NameHasNoOwner":                   ErrMissing,
		"org.freedesktop.DBus.Error.UnknownMethod":                    ErrMissing,
		"org.freedesktop.systemd1.NoSuchUnit":                         ErrMissing,
		"org.freedesktop.DBus.Error.AccessDenied":                     ErrDenied,
		"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": ErrDenied,
		"org.freedesktop.NetworkManager.PermissionDenied":             ErrDenied,
		"org.freedesktop.ModemManager1.Error.Core.Unauthorized":       ErrDenied,
		"org.freedesktop.ModemManager1.Error.Core.Unsupported":        ErrUnsupported,
		"org.freedesktop.ModemManager1.Error.Core.Retry":              nil,
		"org.freedesktop.DBus.Error.NoReply":                          nil,
	}
	for name, want := range tests {
		err := explain(mmMain, mmModem+".Reset", dbus.Error{Name: name, Body: []any{"because"}})
		for _, kind := range kinds {
			if got := errors.Is(err, kind); got != (kind == want) {
				t.Errorf("%s is %v: %v", name, kind, got)
			}
		}
		if text := err.Error(); !strings.HasPrefix(text, "asking ModemManager for Reset: ") || !strings.Contains(text, "because") {
			t.Errorf("%s: %q", name, text)
		}
	}
	if err := explain(object{"org.example", "/"}, "org.example.Do", context.DeadlineExceeded); !errors.Is(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "asking org.example for Do: ") {
		t.Errorf("got %v", err)
	}
}

func TestBusAddress(t *testing.T) {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "")
	if got := NewBus("").address; got != systemBus {
		t.Errorf("by default %q", got)
	}
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/elsewhere")
	if got := NewBus("").address; got != "unix:path=/elsewhere" {
		t.Errorf("by the environment %q", got)
	}
	if got := NewBus("unix:path=/here").address; got != "unix:path=/here" {
		t.Errorf("by the caller %q", got)
	}
}

// Who is done may hang up, and ask again later.
func TestBusAfterClose(t *testing.T) {
	r := newRig(t)
	bus := NewBus(r.address)
	for range 2 {
		if owned, err := bus.present(within(t), "org.freedesktop.DBus"); err != nil || !owned {
			t.Errorf("%v, %v", owned, err)
		}
		bus.Close()
	}
}

func TestProps(t *testing.T) {
	p := props{"a": dbus.MakeVariant("text"), "b": dbus.MakeVariant(uint32(7))}
	if get[string](p, "a") != "text" || get[uint32](p, "b") != 7 {
		t.Error("what is there is not read")
	}
	if get[string](p, "b") != "" || get[uint32](p, "none") != 0 || get[[]string](nil, "a") != nil {
		t.Error("what is not there is read")
	}
	row := []any{"x", uint32(3)}
	if at[string](row, 0) != "x" || at[uint32](row, 1) != 3 || at[string](row, 1) != "" || at[string](row, 2) != "" {
		t.Error("a structure is read wrongly")
	}
}
