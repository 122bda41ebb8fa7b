package modem

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// fewDevices makes a USB tree of a hub with a modem behind it, and directories
// elsewhere that look like a modem. All have a file "authorized" with "before".
func fewDevices(f *testing.F) (root string) {
	f.Helper()
	root = f.TempDir()
	for dir, class := range map[string]string{soc: "09", soc + "/1-1": "09", soc + "/1-1/1-1.2": "ef", "etc/1-2": "ef", "1-9": "ef"} {
		dir = filepath.Join(root, dir)
		err := os.MkdirAll(dir, 0o755)
		for name, text := range map[string]string{"idVendor": "1e0e\n", "bDeviceClass": class + "\n", "authorized": "before"} {
			err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		}
		if err != nil {
			f.Fatal(err)
		}
	}
	return root
}

// The note of a replug that was cut short lies in a directory of the service's
// user, and root acts on it: whatever is in it, nothing but a device that may be
// unplugged is written to.
func FuzzTakeUp(f *testing.F) {
	for _, note := range []string{
		"/" + soc + "/1-1/1-1.2", "/" + soc + "/1-1", "/" + soc, "/etc/1-2", "/" + soc + "/1-1/1-1.2/../../../../../../../../etc/1-2",
		"/1-9", "/sys", "", "\x00", "/" + soc + "/1-1/1-1.2\n",
	} {
		f.Add(note)
	}
	root := fewDevices(f)
	memo := filepath.Join(root, "memo")
	f.Fuzz(func(t *testing.T, note string) {
		if err := os.WriteFile(memo, []byte(root+note), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = usbTree{root}.takeUp(memo) // an error is as good
		for _, dir := range []string{soc, soc + "/1-1", "etc/1-2", "1-9"} {
			if got := content(t, filepath.Join(root, dir, "authorized")); got != "before" {
				t.Errorf("%q has %s written to: %q", note, dir, got)
			}
		}
		if _, err := os.Stat(memo); err == nil {
			t.Errorf("%q stays", note)
		}
	})
}
