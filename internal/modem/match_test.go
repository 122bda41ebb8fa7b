package modem

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"edgeagent/internal/config"
)

// A wrong guess would reset another link's modem: without a ground, none.
func TestOwnModem(t *testing.T) {
	own := modem{path: "/m/0", ports: []string{"wwan0"}}
	other := modem{path: "/m/1", ports: []string{"wwan1"}}
	serial := modem{path: "/m/2"}
	busy := modem{path: "/m/3", bearers: []bearer{{iface: "ppp7", connected: true}}}
	link := func(names ...string) config.Link { return config.Link{Interface: names} }
	tests := map[string]struct {
		link     config.Link
		all      []modem
		udis     []string
		cellular bool
		want     string
	}{
		"by its device":                 {link("ppp0", "wwan0"), []modem{other, own}, nil, false, "/m/0"},
		"by its bearer's device":        {link("ppp7"), []modem{own, busy}, nil, false, "/m/3"},
		"by NetworkManager's word":      {link("ppp0"), []modem{own, other}, []string{"/m/1"}, true, "/m/1"},
		"the only one":                  {link("ppp0"), []modem{own}, nil, true, "/m/0"},
		"the only one, but busy":        {link("ppp0"), []modem{busy}, nil, true, ""},
		"two, no word":                  {link("ppp0"), []modem{own, serial}, nil, true, ""},
		"the only one, but not dialled": {link("wg0"), []modem{own}, nil, false, ""},
		"none":                          {link("ppp0"), nil, nil, true, ""},
	}
	for name, tt := range tests {
		got, ok := ownModem(tt.link, tt.all, tt.udis, tt.cellular)
		if string(got.path) != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %v", name, got.path, ok)
		}
	}
}

// PPP over Ethernet has a ppp0 too: a stick with a network device is not its modem.
func TestSerialOnly(t *testing.T) {
	tests := []struct {
		names []string
		ports []string
		want  bool
	}{
		{[]string{"ppp0"}, nil, true},
		{[]string{"ppp0", "ppp1"}, nil, true},
		{[]string{"ppp0"}, []string{"wwan0"}, false},
		{[]string{"ppp0", "eth1"}, nil, false},
		{[]string{"wg0"}, nil, false},
	}
	for _, tt := range tests {
		if got := serialOnly(config.Link{Interface: tt.names}, []modem{{ports: tt.ports}}); got != tt.want {
			t.Errorf("%v with %v: %v", tt.names, tt.ports, got)
		}
	}
	if serialOnly(config.Link{Interface: []string{"ppp0"}}, []modem{{}, {}}) {
		t.Error("one of two")
	}
}

func TestWords(t *testing.T) {
	for state, want := range map[int32]string{-1: "failed", 0: "unknown", 2: "locked", 11: "connected", 12: "unknown", -2: "unknown"} {
		if got := stateWord(state); got != want {
			t.Errorf("state %d is %q", state, got)
		}
	}
	for bits, want := range map[uint32]string{0: "", 1 << 14: "lte", 1<<14 | 1<<15: "lte,5g", 1<<1 | 1<<4: "gsm,edge", 1 << 16: "lte-m", 1 << 30: ""} {
		if got := technologyWord(bits); got != want {
			t.Errorf("technology %#x is %q", bits, got)
		}
	}
	for lock, want := range map[uint32]string{1: "none", 4: "sim-puk", 16: "ph-netsub-puk", 17: "unknown"} {
		if got := lockWord(lock); got != want {
			t.Errorf("lock %d is %q", lock, got)
		}
	}
}

// The signal's strength changes twice a minute for ever.
func TestChatterDoesNotMatter(t *testing.T) {
	changed := func(names ...string) *dbus.Signal {
		p := map[string]dbus.Variant{}
		for _, name := range names {
			p[name] = dbus.MakeVariant(1)
		}
		return &dbus.Signal{Name: "org.freedesktop.DBus.Properties.PropertiesChanged", Body: []any{mmModem, p, []string{}}}
	}
	tests := map[string]struct {
		signal *dbus.Signal
		want   bool
	}{
		"strength":             {changed("SignalQuality"), false},
		"strength and network": {changed("SignalQuality", "AccessTechnologies"), false},
		"strength and state":   {changed("SignalQuality", "State"), true},
		"lock":                 {changed("UnlockRequired"), true},
		"another signal":       {&dbus.Signal{Name: mmModem + ".StateChanged"}, true},
		"without a body":       {&dbus.Signal{Name: "x.PropertiesChanged"}, false},
	}
	for name, tt := range tests {
		if got := matters(tt.signal); got != tt.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
