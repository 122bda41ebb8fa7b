package modem

import (
	"os"
	"path/filepath"
	"testing"
)

// The note of a replug that was cut short lies in a directory of the service's
// user, and root acts on it: whatever is in it, nothing but a device that may be
// unplugged is written to.
func FuzzTakeUp(f *testing.F) {
	for _, note := range []string{
		"/" + soc + "/1-1/1-1.2", "/" + soc + "/1-1", "/" + soc, "/etc", "/" + soc + "/1-1/1-1.2/../../../../../../../../etc",
		"/sys", "", "\x00", "/" + soc + "/1-1/1-1.2\n",
	} {
		f.Add(note)
	}
	f.Fuzz(func(t *testing.T, note string) {
		p := newPi(t)
		stick := soc + "/1-1/1-1.2"
		p.device(stick, "ef")
		p.device("etc", "ef") // not in /sys, whatever it looks like
		p.device("1-9", "ef")
		for _, dir := range []string{soc, soc + "/1-1", soc + "/1-1/1-1.1", stick, "etc", "1-9"} {
			p.file(dir+"/authorized", "before")
		}
		memo := filepath.Join(p.root, "memo")
		if err := os.WriteFile(memo, []byte(p.root+note), 0o600); err != nil {
			t.Fatal(err)
		}
		_, _ = usbTree{p.root}.takeUp(memo) // an error is as good
		for _, dir := range []string{soc, soc + "/1-1", "etc", "1-9"} {
			if got := content(t, filepath.Join(p.root, dir, "authorized")); got != "before" {
				t.Errorf("%q has %s written to: %q", note, dir, got)
			}
		}
		if _, err := os.Stat(memo); err == nil {
			t.Errorf("%q stays", note)
		}
	})
}
