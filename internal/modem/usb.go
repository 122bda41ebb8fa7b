package modem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// errNoUSB means that what was looked for is not a USB device, or is none that
// may be unplugged.
var errNoUSB = errors.New("no modem on USB")

// usbName is a device on a port of a hub: 1-1.4, but neither usb1 (a root hub)
// nor 1-1.4:1.0 (an interface).
var usbName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[0-9]+-[0-9]+(\.[0-9]+)*$`)
})

// hubClass is USB's bDeviceClass of a hub. Behind the one inside a Raspberry Pi
// hang its Ethernet and every other device.
const hubClass = "09"

// modemDrivers are the kernel's drivers of network devices that are modems. A USB
// Ethernet adapter, which may carry somebody's SSH session, has another one.
var modemDrivers = []string{
	"qmi_wwan", "cdc_mbim", "cdc_ether", "cdc_ncm", "huawei_cdc_ncm", "rndis_host", "sierra_net", "hso", "cdc_phonet",
}

// serialDrivers are the kernel's drivers of serial ports that only modems have.
var serialDrivers = []string{"option", "qcserial", "sierra"}

// usbTree is the kernel's view of USB, below a root that is / but in tests.
type usbTree struct{ root string }

// only returns the USB modem of this device if there is exactly one: what is left
// when the modem's firmware hangs and neither ModemManager nor a network device
// leads to it any more.
func (t usbTree) only() (string, error) {
	drivers, err := filepath.Glob(filepath.Join(t.root, "sys/bus/usb/devices/*:*/driver"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoUSB, err)
	}
	found := map[string]error{}
	for _, link := range drivers {
		driver, err := filepath.EvalSymlinks(link)
		if err != nil || !slices.Contains(modemDrivers, filepath.Base(driver)) && !slices.Contains(serialDrivers, filepath.Base(driver)) {
			continue
		}
		dir, err := t.device(strings.TrimPrefix(filepath.Dir(link), t.root))
		found[dir] = err
	}
	if len(found) != 1 {
		return "", fmt.Errorf("%w: %d devices look like one", errNoUSB, len(found))
	}
	for dir, err := range found {
		return dir, err
	}
	return "", errNoUSB
}

// device returns the USB device that dir, a directory in /sys, belongs to.
func (t usbTree) device(dir string) (string, error) {
	dir, err := filepath.EvalSymlinks(filepath.Join(t.root, dir))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoUSB, err)
	}
	sys := filepath.Join(t.root, "sys")
	for ; strings.HasPrefix(dir, sys+"/"); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "idVendor")); err == nil {
			return dir, t.removable(dir)
		}
	}
	return "", errNoUSB
}

// removable refuses whatever has other devices behind it.
func (t usbTree) removable(dir string) error {
	class, err := os.ReadFile(filepath.Join(dir, "bDeviceClass"))
	if err != nil {
		return fmt.Errorf("%w: reading its class: %w", errNoUSB, err)
	}
	if name := filepath.Base(dir); !usbName().MatchString(name) || strings.TrimSpace(string(class)) == hubClass {
		return fmt.Errorf("%w: %s is a hub, with more than a modem behind it", errNoUSB, name)
	}
	return nil
}

// ofInterface returns the USB modem behind a network device.
func (t usbTree) ofInterface(name string) (string, error) {
	dir := filepath.Join("sys/class/net", filepath.Base(name), "device")
	driver, err := filepath.EvalSymlinks(filepath.Join(t.root, dir, "driver"))
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoUSB, err)
	}
	if !slices.Contains(modemDrivers, filepath.Base(driver)) {
		return "", fmt.Errorf("%w: %s is driven by %s, which is no modem's", errNoUSB, name, filepath.Base(driver))
	}
	return t.device(dir)
}

// replug has the kernel let go of a device and take it up anew. Once it is let go
// of it is taken up whatever happens. The place is written to memo meanwhile: an
// agent that was killed in between finds there what to take up.
func replug(ctx context.Context, dir, memo string) error {
	if err := remember(memo, dir); err != nil {
		return err
	}
	authorized := filepath.Join(dir, "authorized")
	if err := writeExisting(authorized, "0"); err != nil {
		return errors.Join(err, os.Remove(memo))
	}
	t := time.NewTimer(unplugged)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
	if err := writeExisting(authorized, "1"); err != nil {
		return err
	}
	return os.Remove(memo)
}

// remember writes dir to a new file. What is there already, or a link that leads
// elsewhere, is not written through.
func remember(memo, dir string) error {
	if err := os.MkdirAll(filepath.Dir(memo), 0o700); err != nil {
		return fmt.Errorf("noting the modem's place: %w", err)
	}
	if err := os.Remove(memo); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("noting the modem's place: %w", err)
	}
	f, err := os.OpenFile(memo, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("noting the modem's place: %w", err)
	}
	_, err = f.WriteString(dir)
	return errors.Join(err, f.Close())
}

// takeUp finishes a replug that was cut short; ok reports whether there was one.
func (t usbTree) takeUp(memo string) (ok bool, err error) {
	data, err := os.ReadFile(memo)
	if err != nil {
		return false, nil
	}
	dir := filepath.Clean(string(data))
	if !strings.HasPrefix(dir, filepath.Join(t.root, "sys")+"/") || t.removable(dir) != nil {
		return false, os.Remove(memo)
	}
	if err := writeExisting(filepath.Join(dir, "authorized"), "1"); err != nil {
		return false, errors.Join(err, os.Remove(memo))
	}
	return true, os.Remove(memo)
}

// writeExisting writes to a file of the kernel's; it never makes one.
func writeExisting(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(file), err)
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
