package rootfs

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestMirrorIsDebiansOwnMainArchive(t *testing.T) {
	const security = "deb http://mirror.test/debian-security bookworm-security main\n"
	for _, test := range []struct{ name, file, text, want string }{
		{"one line", "sources.list", "# a comment\n" + security + "deb http://mirror.test/debian bookworm main contrib\n", "http://mirror.test/debian"},
		{"options", "sources.list.d/a.list", "deb [arch=amd64 signed-by=/x.gpg] http://mirror.test/debian/ trixie main\n", "http://mirror.test/debian/"},
		{"stanzas", "sources.list.d/debian.sources",
			"Types: deb\n# http://other.test/debian\nURIs: http://mirror.test/debian\nSuites: bookworm bookworm-updates\nComponents: main\n", "http://mirror.test/debian"},
		{"a snapshot", "sources.list", "deb http://mirror.test/archive/debian/20250101T000000Z bookworm main\n", "http://mirror.test/archive/debian/20250101T000000Z"},
		{"disabled", "sources.list.d/debian.sources", "Types: deb\nEnabled: no\nURIs: http://mirror.test/debian\nSuites: bookworm\nComponents: main\n", ""},
		{"only others", "sources.list", security + "deb http://other.test/apt stable main\ndeb-src http://mirror.test/debian bookworm main\n", ""},
		{"an editor's copy", "sources.list.d/debian.sources.bak", "deb http://mirror.test/debian bookworm main\n", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, test.file)
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, []byte(test.text), 0o644))
			got, err := mirror(dir)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
}

func FuzzMirror(f *testing.F) {
	f.Add("a.list", "deb [a=b http://mirror.test/debian bookworm main")
	f.Add("a.sources", "Types: deb\n\nURIs:")
	f.Fuzz(func(t *testing.T, name, text string) {
		if uri := mirrorIn(name, text); uri != "" && !strings.Contains(text, uri) {
			t.Errorf("%q is not in the file", uri)
		}
	})
}

func TestKeyTellsWhatMakesADifference(t *testing.T) {
	base := Options{Release: Trixie}
	for name, same := range map[string]Options{
		"the native architecture": {Release: Trixie, Arch: nativeArch()},
		"a package of the base":   {Release: Trixie, Packages: []string{"dbus"}},
	} {
		if base.normal().key("src") != same.normal().key("src") {
			t.Errorf("%s makes another root file system", name)
		}
	}
	for name, other := range map[string]Options{
		"a release": {Release: Bookworm}, "a package": {Release: Trixie, Packages: []string{"vim"}},
		"an architecture": {Release: Trixie, Arch: "armhf"}, "an option": {Release: Trixie, AptOptions: []string{"x"}},
	} {
		if base.normal().key("src") == other.normal().key("src") {
			t.Errorf("%s makes no other root file system", name)
		}
	}
}

func TestLockIsWaitedFor(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), name)
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := lock(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("a second lock while the first is held: %v", err)
	}
	second := make(chan error)
	go func() {
		_, err := lock(t.Context(), name)
		second <- err
	}()
	unlock()
	select {
	case err := <-second:
		must(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the lock was not taken over")
	}
}

// tree makes a directory with what mmdebstrap leaves and settle touches.
func tree(t *testing.T) string {
	dir := t.TempDir()
	must(t, os.Mkdir(filepath.Join(dir, "etc"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "etc/machine-id"), []byte("uninitialized\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "etc/resolv.conf"), []byte("nameserver 192.0.2.1\n"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "etc/shadow"), []byte("root:!:20000::::::\ndaemon:*:20000::::::\n"), 0o640))
	return dir
}

func TestSettleMakesAMachinePastItsFirstBoot(t *testing.T) {
	dir := tree(t)
	must(t, settle(dir, "x"))
	for file, want := range map[string]string{
		"etc/shadow":      "root:*:20000::::::\ndaemon:*:20000::::::\n",
		"etc/resolv.conf": "",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, file)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", file, got, err)
		}
	}
	id, err := os.ReadFile(filepath.Join(dir, "etc/machine-id"))
	if must(t, err); len(id) != 33 {
		t.Errorf("machine-id: %q, which is not 32 digits", id)
	}
}

func TestSettleWritesThroughNoLink(t *testing.T) {
	dir := tree(t)
	outside := filepath.Join(t.TempDir(), "stub-resolv.conf")
	must(t, os.WriteFile(outside, []byte("mine\n"), 0o644))
	must(t, os.Remove(filepath.Join(dir, "etc/resolv.conf")))
	must(t, os.Symlink(outside, filepath.Join(dir, "etc/resolv.conf")))
	must(t, settle(dir, "x"))
	if got, _ := os.ReadFile(outside); string(got) != "mine\n" {
		t.Errorf("the link's target outside is now %q", got)
	}
	if to, err := os.Readlink(filepath.Join(dir, "etc/resolv.conf")); err != nil || to != outside {
		t.Errorf("the link that a package has made: %q, %v", to, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
