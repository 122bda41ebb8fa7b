package modem

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var wvdial = config.Link{Interface: []string{"ppp0"}, Unit: "wvdial.service", Metered: true}

// everything is a device that lacks nothing: a modem on USB, all three services
// and the helper.
func (r *rig) everything(jobResult string) pi {
	r.networkManager("soracom")
	r.modemManager()
	r.modem("0", map[string]any{"Device": "/" + soc + "/1-1/1-1.2"})
	r.systemd(jobResult, map[string][2]string{mmUnit: running, helperTemplate: {"loaded", "inactive"}})
	p := newPi(r.t)
	p.stick("1-1.2", "wwan0")
	return p
}

// What a device lacks is left out of the ladder.
func TestRungs(t *testing.T) {
	r := newRig(t)
	p := r.everything("done")
	full := []string{rungActivate, rungReenable, rungReset, rungModemManager, rungUSB}
	tests := map[string]struct {
		link   config.Link
		change func(*Options)
		want   []string
	}{
		"Canal":                       {canal, func(*Options) {}, full},
		"Canal, reboot allowed":       {canal, func(o *Options) { o.Recovery.Reboot = true }, append(slices.Clone(full), rungReboot)},
		"reboot allowed, but never":   {canal, func(o *Options) { o.Recovery.Reboot, o.Recovery.CellularReboot = true, 0 }, full},
		"rungs left out":              {canal, func(o *Options) { o.Recovery.CellularReset, o.Recovery.CellularUSB = 0, 0 }, []string{rungActivate, rungReenable, rungModemManager}},
		"wvdial, another modem's":     {wvdial, func(*Options) {}, []string{rungActivate, rungModemManager, rungUSB}},
		"WireGuard":                   {config.Link{Interface: []string{"wg0"}, Unit: "wg-quick@wg0.service"}, func(*Options) {}, []string{rungActivate}},
		"a router's leg":              {config.Link{Interface: []string{"eth7"}}, func(*Options) {}, nil},
		"a modem that nobody dials":   {wwan, func(*Options) {}, full[1:]},
		"Canal, everything forbidden": {canal, func(o *Options) { o.Recovery = config.Recovery{} }, nil},
	}
	for name, tt := range tests {
		rescue := r.rescue(tt.link, tt.change)
		rescue.usb = usbTree{p.root}
		if got := rescue.Rungs(within(t)); !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// A link that works on another modem is not cut off for this one.
func TestNeighbourIsLeftAlone(t *testing.T) {
	r := newRig(t)
	p := r.everything("done")
	r.bearer(map[string]any{"Interface": "wwan0"})
	for _, name := range []string{"ppp0", "wwan0"} {
		link := wvdial
		link.Interface = []string{name}
		rescue := r.rescue(link)
		rescue.usb = usbTree{p.root}
		mine := name == "wwan0" // it is the modem's own connection
		if got := rescue.Rungs(within(t)); slices.Contains(got, rungModemManager) != mine || slices.Contains(got, rungUSB) != mine {
			t.Errorf("%s: rungs %v", name, got)
		}
		if mine {
			continue
		}
		for _, rung := range []string{rungModemManager, rungUSB} {
			if err := rescue.Recover(within(t), rung); !errors.Is(err, errNeighbour) {
				t.Errorf("%s: %v", rung, err)
			}
		}
	}
}

// A device with nothing at all: no rung, no fault, and each lack is said once.
func TestRungsOfABareDevice(t *testing.T) {
	var log bytes.Buffer
	logger := func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }
	r := newRig(t)
	for name, address := range map[string]string{"empty bus": r.address, "no bus": "unix:path=" + filepath.Join(t.TempDir(), "none")} {
		log.Reset()
		rescue := r.rescue(canal, logger, func(o *Options) { o.BusAddress, o.Recovery.Reboot = address, true })
		for range 3 {
			if got := rescue.Rungs(within(t)); len(got) != 0 {
				t.Errorf("%s: rungs %v", name, got)
			}
			if reason, _, _, ok := rescue.Permanent(within(t)); ok {
				t.Errorf("%s: permanent %q", name, reason)
			}
		}
		for _, service := range []string{"NetworkManager", "ModemManager", "systemd"} {
			if n := strings.Count(log.String(), service+" is not on this device"); n != 1 {
				t.Errorf("%s: the lack of %s is said %d times:\n%s", name, service, n, &log)
			}
		}
		for _, rung := range []string{rungActivate, rungReenable, rungReset, rungModemManager, rungUSB, rungReboot, "jump"} {
			if err := rescue.Do(within(t), rung); err == nil {
				t.Errorf("%s: %s was done", name, rung)
			}
		}
	}
}

// ModemManager is restarted only where it runs, or has crashed.
func TestModemManagerThatIsStopped(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	states := map[string]bool{"active": true, "failed": true, "inactive": false}
	r.systemd("done", map[string][2]string{mmUnit: running, helperTemplate: running})
	path := systemdPath + "/unit/ModemManager_2eservice"
	for state, want := range states {
		r.set(systemdService, path, systemdUnit, "ActiveState", state)
		rescue := r.rescue(canal)
		if got := slices.Contains(rescue.Rungs(within(t)), rungModemManager); got != want {
			t.Errorf("%s: offered %v", state, got)
		}
		if err := rescue.Recover(within(t), rungModemManager); (err == nil) != want {
			t.Errorf("%s: %v", state, err)
		}
	}
	if got := r.jobs("RestartUnit"); !slices.Equal(got, []string{mmUnit + " replace", mmUnit + " replace"}) {
		t.Errorf("restarted %v", got)
	}
}

// The daemon asks for what needs root by the unit of the helper, and by nothing else.
func TestRootIsAskedByTheHelpersUnit(t *testing.T) {
	r := newRig(t)
	r.everything("done")
	tests := []struct {
		link       config.Link
		rung, unit string
	}{
		{wvdial, rungActivate, "edgeagent-recover@unit:canal.service replace"},
		{wwan, rungModemManager, "edgeagent-recover@modem-manager:canal.service replace"},
		{wwan, rungUSB, "edgeagent-recover@usb:canal.service replace"},
		{wwan, rungReboot, "edgeagent-recover@reboot:canal.service replace"},
	}
	for i, tt := range tests {
		rescue := r.rescue(tt.link, func(o *Options) { o.Recovery.Reboot = true })
		rescue.boot = longBoot
		if err := rescue.Do(within(t), tt.rung); err != nil {
			t.Errorf("%s: %v", tt.rung, err)
		}
		if got := r.jobs("StartUnit"); len(got) != i+1 || got[i] != tt.unit {
			t.Errorf("%s: started %v", tt.rung, got)
		}
	}
	if got := r.jobs("RestartUnit"); len(got) != 0 {
		t.Errorf("the daemon itself restarted %v", got)
	}
}

func longBoot() (boot, error) { return boot{id: "here", uptime: 3 * time.Hour}, nil }

// As root there is no helper: the same is done directly.
func TestRootNeedsNoHelper(t *testing.T) {
	r := newRig(t)
	r.everything("done")
	rescue := r.rescue(wvdial, func(o *Options) { o.Direct, o.Recovery.Reboot = true, true })
	rescue.boot = longBoot
	for _, rung := range []string{rungActivate, rungModemManager, rungReboot} {
		if err := rescue.Do(within(t), rung); err != nil {
			t.Errorf("%s: %v", rung, err)
		}
	}
	if got := r.jobs("RestartUnit"); !slices.Equal(got, []string{"wvdial.service replace", mmUnit + " replace"}) {
		t.Errorf("restarted %v", got)
	}
	if got := r.jobs("StartUnit"); !slices.Equal(got, []string{"reboot.target replace-irreversibly"}) {
		t.Errorf("started %v", got)
	}
}

// The helper fails: the way to its log is named.
func TestHelperFails(t *testing.T) {
	r := newRig(t)
	r.everything("failed")
	err := r.rescue(wvdial).Do(within(t), rungActivate)
	if err == nil || !strings.Contains(err.Error(), "journalctl -u edgeagent-recover@unit:canal.service") {
		t.Errorf("got %v", err)
	}
}

// After a reboot the next one waits, and whoever asks is told until when.
func TestRebootIsRationed(t *testing.T) {
	r := newRig(t)
	r.everything("done")
	dir := t.TempDir()
	allow := func(o *Options) { o.Direct, o.Recovery.Reboot, o.StateDir = true, true, dir }
	rescue := r.rescue(wwan, allow)
	rescue.boot = longBoot
	if err := rescue.Do(within(t), rungReboot); err != nil {
		t.Fatal(err)
	}
	after := r.rescue(wwan, allow)
	after.boot = func() (boot, error) { return boot{"next", 90 * time.Minute}, nil }
	err := after.Do(within(t), rungReboot)
	var wait interface{ NotBefore() time.Time }
	if !errors.As(err, &wait) || time.Until(wait.NotBefore()).Round(time.Minute) != 270*time.Minute {
		t.Errorf("got %v", err)
	}
	if got := r.jobs("StartUnit"); len(got) != 1 {
		t.Errorf("started %v", got)
	}
}

// A device cannot have been without its link for longer than it has run, whatever
// has become of the budget's file.
func TestNoRebootSoonAfterABoot(t *testing.T) {
	r := newRig(t)
	r.everything("done")
	rescue := r.rescue(wwan, func(o *Options) { o.Direct, o.Recovery.Reboot = true, true })
	rescue.boot = func() (boot, error) { return boot{"here", 59 * time.Minute}, nil }
	var used *BudgetError
	if err := rescue.Recover(within(t), rungReboot); !errors.As(err, &used) || used.Wait != time.Minute {
		t.Errorf("got %v", err)
	}
	if got := r.jobs("StartUnit"); len(got) != 0 {
		t.Errorf("started %v", got)
	}
}

// A unit that is not there is named, with what is.
func TestNoSuchUnit(t *testing.T) {
	r := newRig(t)
	r.systemd("done", map[string][2]string{"wvdial-soracom.service": running, "off.service": {"masked", "inactive"}})
	tests := map[string]string{
		"wvdial-sorakom.service": "no unit wvdial-sorakom.service; there are: wvdial-soracom.service",
		"xyz.service":            "no unit xyz.service",
		"off.service":            "off.service is masked",
		"wvdial-soracom.service": "",
	}
	for name, want := range tests {
		link := wvdial
		link.Unit = name
		reason, detail, _, ok := r.rescue(link).Permanent(within(t))
		if detail != want || ok != (want != "") || ok && reason != status.ReasonUnitMissing {
			t.Errorf("%s: %q, %q, %v", name, reason, detail, ok)
		}
	}
}
