package modem

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/config"
)

// pi is the USB tree of a Raspberry Pi 3: a root hub, the hub inside the board
// with its Ethernet, and two sticks. The layout is the kernel's.
// https://docs.kernel.org/usb/authorization.html
type pi struct {
	t    *testing.T
	root string
}

const soc = "sys/devices/platform/soc/3f980000.usb/usb1"

func newPi(t *testing.T) pi {
	p := pi{t, t.TempDir()}
	p.device(soc, "09")
	p.device(soc+"/1-1", "09")
	p.device(soc+"/1-1/1-1.1", "ff")
	p.net(soc+"/1-1/1-1.1/1-1.1:1.0", "eth0", "smsc95xx")
	return p
}

func (p pi) file(name, text string) {
	p.t.Helper()
	name = filepath.Join(p.root, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

func (p pi) link(name, target string) {
	p.t.Helper()
	name, target = filepath.Join(p.root, name), filepath.Join(p.root, target)
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.MkdirAll(target, 0o755), os.Symlink(target, name)); err != nil {
		p.t.Fatal(err)
	}
}

// device adds a USB device.
func (p pi) device(dir, class string) {
	p.file(dir+"/idVendor", "1e0e\n")
	p.file(dir+"/bDeviceClass", class+"\n")
	p.file(dir+"/authorized", "1\n")
}

// driver binds an interface of a device.
func (p pi) driver(dir, driver string) {
	p.file(dir+"/authorized", "1\n")
	p.link(dir+"/driver", "sys/bus/usb/drivers/"+driver)
	p.link("sys/bus/usb/devices/"+filepath.Base(dir), dir)
}

// net adds a network device on an interface.
func (p pi) net(dir, name, driver string) {
	p.driver(dir, driver)
	p.link("sys/class/net/"+name, dir+"/net/"+name)
	p.link(dir+"/net/"+name+"/device", dir)
}

// stick adds a modem.
func (p pi) stick(port, name string) string {
	dir := soc + "/1-1/" + port
	p.device(dir, "00")
	p.driver(dir+"/"+port+":1.2", "option")
	p.net(dir+"/"+port+":1.5", name, "qmi_wwan")
	return filepath.Join(p.root, dir)
}

func TestUSBDevice(t *testing.T) {
	p := newPi(t)
	stick := p.stick("1-1.2", "wwan0")
	tree := usbTree{p.root}
	find := map[string]func() (string, error){
		"by its own place":        func() (string, error) { return tree.device(soc + "/1-1/1-1.2") },
		"by an interface's place": func() (string, error) { return tree.device(soc + "/1-1/1-1.2/1-1.2:1.2") },
		"by the network device":   func() (string, error) { return tree.ofInterface("wwan0") },
		"the only one":            tree.only,
	}
	for name, f := range find {
		if got, err := f(); err != nil || got != stick {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// Behind a hub hang the board's Ethernet and everything else: never.
func TestUSBRefusesWhatIsNoModem(t *testing.T) {
	p := newPi(t)
	tree := usbTree{p.root}
	p.link("sys/class/net/lan1/device", "sys/devices/pci0000:00/0000:00:1f.6")
	p.link("sys/devices/pci0000:00/0000:00:1f.6/driver", "sys/bus/pci/drivers/e1000e")
	tests := map[string]struct {
		find func() (string, error)
		want string
	}{
		"root hub":            {func() (string, error) { return tree.device(soc) }, "usb1 is a hub"},
		"hub":                 {func() (string, error) { return tree.device(soc + "/1-1") }, "1-1 is a hub"},
		"no USB":              {func() (string, error) { return tree.device("sys/devices/pci0000:00/0000:00:1f.6") }, "no modem"},
		"gone":                {func() (string, error) { return tree.device(soc + "/1-1/1-1.9") }, "no such file"},
		"outside":             {func() (string, error) { return tree.device("../../etc") }, "no modem"},
		"Ethernet on USB":     {func() (string, error) { return tree.ofInterface("eth0") }, "driven by smsc95xx"},
		"Ethernet on PCI":     {func() (string, error) { return tree.ofInterface("lan1") }, "driven by e1000e"},
		"no network device":   {func() (string, error) { return tree.ofInterface("ppp0") }, "no such file"},
		"name with a way out": {func() (string, error) { return tree.ofInterface("../../..") }, "no modem"},
		"none at all":         {tree.only, "0 devices"},
	}
	for name, tt := range tests {
		if got, err := tt.find(); !errors.Is(err, errNoUSB) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	p.stick("1-1.2", "wwan0")
	p.stick("1-1.3", "wwan1")
	if got, err := tree.only(); err == nil {
		t.Errorf("one of two: %q", got)
	}
}

func content(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestReplug(t *testing.T) {
	p := newPi(t)
	stick := p.stick("1-1.2", "wwan0")
	memo := filepath.Join(t.TempDir(), "run", "usb-canal")
	synctest.Test(t, func(t *testing.T) {
		done := background(func() error { return replug(t.Context(), stick, memo) })
		time.Sleep(unplugged - time.Millisecond)
		synctest.Wait()
		if got := content(t, stick+"/authorized"); got != "0\n" || content(t, memo) != stick {
			t.Errorf("authorized %q meanwhile, noted %q", got, content(t, memo))
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if got := content(t, stick+"/authorized"); got != "1\n" {
			t.Errorf("authorized %q in the end", got)
		}
		if _, err := os.Stat(memo); !os.IsNotExist(err) {
			t.Errorf("the note is left behind: %v", err)
		}
	})
}

// A helper that is told to stop half-way plugs the modem in first.
func TestReplugThatIsStopped(t *testing.T) {
	stick := newPi(t).stick("1-1.2", "wwan0")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := replug(ctx, stick, filepath.Join(t.TempDir(), "memo")); err != nil {
		t.Fatal(err)
	}
	if got := content(t, stick+"/authorized"); got != "1\n" {
		t.Errorf("authorized %q", got)
	}
}

// A helper that is killed half-way leaves a note, and the next one follows it; but
// only to a modem.
func TestTakeUp(t *testing.T) {
	p := newPi(t)
	stick := p.stick("1-1.2", "wwan0")
	memo := filepath.Join(t.TempDir(), "memo")
	tests := map[string]struct {
		noted string
		ok    bool
	}{
		"a modem": {stick, true},
		"a hub":   {filepath.Join(p.root, soc, "1-1"), false},
		"outside": {filepath.Join(p.root, "etc"), false},
		"way out": {filepath.Join(p.root, "sys") + "/../etc", false},
		"garbage": {"\x00", false},
		"empty":   {"", false},
		"gone":    {stick + "9", false},
	}
	for name, tt := range tests {
		p.file(soc+"/1-1/1-1.2/authorized", "0")
		if err := os.WriteFile(memo, []byte(tt.noted), 0o600); err != nil {
			t.Fatal(err)
		}
		ok, err := usbTree{p.root}.takeUp(memo)
		if ok != tt.ok || err != nil {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
		if got := content(t, stick+"/authorized"); (got == "1") != tt.ok {
			t.Errorf("%s: authorized %q", name, got)
		}
		if _, err := os.Stat(memo); !os.IsNotExist(err) {
			t.Errorf("%s: the note is left behind", name)
		}
	}
	if ok, err := (usbTree{p.root}).takeUp(memo); ok || err != nil {
		t.Errorf("without a note: %v, %v", ok, err)
	}
}

// Root writes its note into no file that somebody has put there.
func TestReplugNoteFollowsNoLink(t *testing.T) {
	stick := newPi(t).stick("1-1.2", "wwan0")
	dir := t.TempDir()
	precious, memo := filepath.Join(dir, "precious"), filepath.Join(dir, "memo")
	if err := errors.Join(os.WriteFile(precious, []byte("mine"), 0o600), os.Symlink(precious, memo)); err != nil {
		t.Fatal(err)
	}
	if err := remember(memo, stick); err != nil {
		t.Fatal(err)
	}
	if got := content(t, precious); got != "mine" {
		t.Errorf("written through the link: %q", got)
	}
}

// ModemManager's word comes first: the stick with the link's device is another.
func TestUSBDeviceOfALink(t *testing.T) {
	p := newPi(t)
	stick := p.stick("1-1.2", "wwan0")
	r := newRig(t)
	r.modemManager()
	r.modem("0", map[string]any{"Device": "/" + soc + "/1-1/1-1.2"})
	rescue := r.rescue(wwan)
	rescue.usb = usbTree{p.root}
	if got, err := rescue.usbDevice(rescue.look(within(t))); err != nil || got != stick {
		t.Errorf("%q, %v", got, err)
	}
	r.unplug("0")
	if got, err := rescue.usbDevice(rescue.look(within(t))); err != nil || got != stick {
		t.Errorf("by the interface: %q, %v", got, err)
	}
	// Its firmware hangs: no modem, no network device, and still one stick.
	if err := os.Remove(filepath.Join(p.root, "sys/class/net/wwan0")); err != nil {
		t.Fatal(err)
	}
	if got, err := rescue.usbDevice(rescue.look(within(t))); err != nil || got != stick {
		t.Errorf("the only one: %q, %v", got, err)
	}
	wired := config.Link{Interface: []string{"eth0"}, Metered: true}
	other := r.rescue(wired)
	other.usb = rescue.usb
	if got, err := other.usbDevice(other.look(within(t))); err == nil {
		t.Errorf("for a wired link: %q", got)
	}
	if slices.Contains(other.Rungs(within(t)), rungUSB) {
		t.Error("offered for a wired link")
	}
}
