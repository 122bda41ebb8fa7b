package modem

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var canal = config.Link{Interface: []string{"ppp0", "wwan0"}, Connection: "soracom", Metered: true}

const nmModemPath = nmPath + "/Devices/cdc_wdm0"

// networkManager starts a NetworkManager with a modem device and connections of
// the type gsm.
func (r *rig) networkManager(names ...string) {
	r.t.Helper()
	r.nm = r.mock(nmService, "--template", "networkmanager")
	r.call(nmService, nmPath, mockInterface+".AddEthernetDevice", "cdc_wdm0", "cdc-wdm0", int32(30))
	for _, name := range names {
		r.connection(name, "gsm")
	}
}

func (r *rig) connection(name, kind string) {
	r.t.Helper()
	v := func(text string) dbus.Variant { return dbus.MakeVariant(text) }
	r.call(nmService, nmPath+"/Settings", nmSettings+".AddConnection", map[string]map[string]dbus.Variant{
		"connection": {"id": v(name), "type": v(kind), "uuid": v("uuid-" + name)},
	})
}

// slowly has NetworkManager begin an activation and leave its end to the test.
func (r *rig) slowly() {
	r.t.Helper()
	r.method(nmService, nmPath, nmService, "ActivateConnection", "ooo", "o",
		`ret = dbus.ObjectPath(self.AddActiveConnection(['`+nmModemPath+`'], args[0], '/', 'A7', dbus.UInt32(1)))`)
}

const nmA7 = nmPath + "/ActiveConnection/A7"

// ends has the activation end as NetworkManager tells it: the device first.
func (r *rig) ends(state, reason, device uint32) {
	r.t.Helper()
	if device > 0 {
		r.signal(nmService, nmModemPath, nmDevice, "StateChanged", "uuu", uint32(nmDeviceFailed), uint32(50), device)
	}
	r.signal(nmService, nmA7, nmActive, "StateChanged", "uu", state, reason)
}

func TestActivate(t *testing.T) {
	r := newRig(t)
	r.networkManager("office", "soracom")
	rescue := r.rescue(canal)
	if got := rescue.Facts(within(t))["connection_state"]; got != "deactivated" {
		t.Errorf("connection_state %v before", got)
	}
	if err := rescue.Do(within(t), rungActivate); err != nil {
		t.Fatal(err)
	}
	if got := r.calls(nmService, nmPath, "ActivateConnection"); len(got) != 1 || got[0][0] != dbus.ObjectPath(nmPath+"/Settings/1") {
		t.Errorf("ActivateConnection was called with %v", got)
	}
	if got := rescue.Facts(within(t))["connection_state"]; got != "activated" {
		t.Errorf("connection_state %v after", got)
	}
}

// The connection may be named by its UUID, as nmcli takes it.
func TestActivateByUUID(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	link := canal
	link.Connection = "uuid-soracom"
	if err := r.rescue(link).Do(within(t), rungActivate); err != nil {
		t.Error(err)
	}
}

// An activation that is under way is waited for: another would set it back.
func TestActivateWaitsForOneUnderWay(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	r.call(nmService, nmPath, mockInterface+".AddActiveConnection",
		[]string{nmModemPath}, nmPath+"/Settings/0", "/", "A7", uint32(nmActivating))
	rescue := r.rescue(canal)
	done := background(func() error { return rescue.Do(within(t), rungActivate) })
	r.eventually("question for the activation", func() bool { return strings.Contains(r.log(), "GetAll "+nmA7) })
	r.set(nmService, nmA7, nmActive, "State", uint32(nmActivated))
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got := r.calls(nmService, nmPath, "ActivateConnection"); len(got) != 0 {
		t.Errorf("ActivateConnection was called with %v", got)
	}
}

// How an activation fails decides whether a person is needed.
func TestActivationThatFails(t *testing.T) {
	tests := map[string]struct {
		reason, device uint32
		text           string
		refusal        status.Reason
	}{
		"wrong APN":            {3, 29, "the network refuses the APN", status.ReasonAPNRefused},
		"wrong password":       {9, 7, "a password is missing", status.ReasonAPNRefused},
		"not admitted":         {3, 31, "denies the registration", status.ReasonRegistrationDenied},
		"PIN":                  {3, 46, "wants its PIN", status.ReasonSIMLocked},
		"wrong PIN":            {3, 59, "PIN is wrong", status.ReasonSIMLocked},
		"PUK":                  {3, 47, "wants its PUK", status.ReasonSIMLocked},
		"no SIM":               {3, 45, "no SIM is inserted", status.ReasonSIMMissing},
		"no carrier":           {3, 25, "there is no carrier", ""},
		"registration timeout": {3, 32, "the registration timed out", ""},
		"PPP":                  {3, 14, "PPP failed", ""},
		"login, no device":     {10, 0, "the login failed", ""},
		"no word at all":       {0, 0, "does not say why", ""},
		"new numbers":          {77, 99, "reasons 77 and 99", ""},
	}
	r := newRig(t)
	r.networkManager("soracom")
	r.slowly()
	n := 0
	for name, tt := range tests {
		rescue := r.rescue(canal)
		done := background(func() error { return rescue.Do(within(t), rungActivate) })
		n++
		r.awaitCall(nmService, nmPath, "ActivateConnection", n)
		r.ends(nmDeactivated, tt.reason, tt.device)
		err := <-done
		var failed *ActivationError
		if !errors.As(err, &failed) || !strings.Contains(err.Error(), tt.text) || failed.Device != tt.device {
			t.Errorf("%s: got %v", name, err)
		}
		reason, detail, _, ok := rescue.Permanent(within(t))
		if reason != tt.refusal || ok != (tt.refusal != "") || ok && !strings.Contains(detail, "soracom") {
			t.Errorf("%s: permanent %q, %q, %v", name, reason, detail, ok)
		}
		r.call(nmService, nmPath, mockInterface+".RemoveActiveConnection", nmModemPath, nmA7)
	}
}

// NetworkManager only knows that dialling failed; ModemManager keeps what the
// network said, and the APN in which the mistake is.
func TestActivationRefusedByTheNetwork(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	r.slowly()
	r.modemManager()
	r.bearer(map[string]any{"Connected": false,
		"Properties":      map[string]dbus.Variant{"apn": dbus.MakeVariant("sorakom.io")},
		"ConnectionError": pair{"org.freedesktop.ModemManager1.Error.MobileEquipment.MissingOrUnknownApn", "Missing or unknown APN"}})
	r.modem("0", map[string]any{"State": int32(8)})
	rescue := r.rescue(canal)
	done := background(func() error { return rescue.Do(within(t), rungActivate) })
	r.awaitCall(nmService, nmPath, "ActivateConnection", 1)
	r.ends(nmDeactivated, 3, 27)
	if err := <-done; err == nil {
		t.Fatal("no error")
	}
	reason, detail, _, _ := rescue.Permanent(within(t))
	if reason != status.ReasonAPNRefused || detail != `the network refuses APN "sorakom.io": Missing or unknown APN` {
		t.Errorf("%q, %q", reason, detail)
	}
	// Put right, it comes up: the refusal is forgotten.
	r.call(nmService, nmPath, mockInterface+".RemoveActiveConnection", nmModemPath, nmA7)
	done = background(func() error { return rescue.Do(within(t), rungActivate) })
	r.awaitCall(nmService, nmPath, "ActivateConnection", 2)
	r.ends(nmActivated, 1, 0)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if reason, _, _, ok := rescue.Permanent(within(t)); ok {
		t.Errorf("still %q", reason)
	}
}

func TestNoSuchConnection(t *testing.T) {
	r := newRig(t)
	r.networkManager("Wired connection 1", "office")
	r.connection("lo", "loopback")
	rescue := r.rescue(canal)
	const want = "no connection soracom; there are: Wired connection 1, office"
	if err := rescue.Do(within(t), rungActivate); err == nil || err.Error() != want || !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
	reason, detail, _, ok := rescue.Permanent(within(t))
	if reason != status.ReasonConnectionMissing || detail != want || !ok {
		t.Errorf("permanent %q, %q, %v", reason, detail, ok)
	}
}

func TestNoConnectionError(t *testing.T) {
	tests := []struct {
		others []string
		want   string
	}{
		{nil, "no connection x; NetworkManager has none at all"},
		{[]string{"a"}, "no connection x; there are: a"},
		{strings.Split("abcdefghijk", ""), "no connection x; there are: a, b, c, d, e, f, g, h and 3 more"},
	}
	for _, tt := range tests {
		if got := (&NoConnectionError{"x", tt.others}).Error(); got != tt.want {
			t.Errorf("got %q", got)
		}
	}
}

func TestActivationThatIsNotPermitted(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	r.method(nmService, nmPath, nmService, "ActivateConnection", "ooo", "o",
		`raise dbus.exceptions.DBusException('Not authorized to control networking.', name='org.freedesktop.NetworkManager.PermissionDenied')`)
	rescue := r.rescue(canal)
	if err := rescue.Do(within(t), rungActivate); !errors.Is(err, ErrDenied) {
		t.Errorf("got %v", err)
	}
	if got := rescue.Rungs(within(t)); slices.Contains(got, rungActivate) {
		t.Errorf("still offered: %v", got)
	}
}

// A modem that comes back from its reset is dialled at once, not at the next rung.
func TestResetDialsAgain(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	r.modemManager()
	r.modem("0", nil)
	rescue := r.rescue(canal)
	done := background(func() error { return rescue.Do(within(t), rungReset) })
	r.awaitCall(mmService, mmPath+"/Modem/0", "Reset", 1)
	r.unplug("0")
	r.modem("4", map[string]any{"State": int32(7)})
	if got := r.calls(nmService, nmPath, "ActivateConnection"); len(got) != 0 {
		t.Error("dialled without a network")
	}
	r.set(mmService, mmPath+"/Modem/4", mmModem, "State", int32(mmRegistered))
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := r.calls(nmService, nmPath, "ActivateConnection"); len(got) != 1 {
		t.Errorf("ActivateConnection was called with %v", got)
	}
}

// WireGuard by NetworkManager has no modem, though the device has one.
func TestNoModemForAnotherKindOfConnection(t *testing.T) {
	r := newRig(t)
	r.networkManager()
	r.connection("arc", "wireguard")
	r.modemManager()
	r.modem("0", nil)
	link := config.Link{Interface: []string{"wg0"}, Connection: "arc"}
	if got := r.rescue(link).Rungs(within(t)); !slices.Equal(got, []string{rungActivate}) {
		t.Errorf("rungs %v", got)
	}
}

// A device may have dozens of connections: the one that matters is found once.
func TestTheConnectionIsLookedForOnce(t *testing.T) {
	r := newRig(t)
	r.networkManager("a", "b", "c", "d", "soracom")
	rescue := r.rescue(canal)
	asked := func() int { return strings.Count(r.log(), " GetSettings") }
	rescue.Facts(within(t))
	first := asked()
	rescue.Facts(within(t))
	if again := asked() - first; first != 5 || again != 1 {
		t.Errorf("%d questions, then %d", first, again)
	}
	r.call(nmService, nmPath+"/Settings/4", nmConnection+".Delete")
	if reason, _, _, _ := rescue.Permanent(within(t)); reason != status.ReasonConnectionMissing {
		t.Errorf("after it was deleted: %q", reason)
	}
}
