package machine

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// newer is the version of packages that repack makes.
const newer = "99.0"

// repack makes a newer package out of one: with the same files, but for what
// edit changes in the directory that they are unpacked to.
func repack(t *testing.T, deb string, edit func(dir string)) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "unpacked")
	host(t, "dpkg-deb", "--raw-extract", deb, dir)
	control := filepath.Join(dir, "DEBIAN/control")
	text, err := os.ReadFile(control)
	must(t, err)
	_, rest, _ := strings.Cut(string(text), "\nVersion: ")
	old, _, _ := strings.Cut(rest, "\n")
	must(t, os.WriteFile(control, []byte(strings.Replace(string(text), "\nVersion: "+old, "\nVersion: "+newer, 1)), 0o644))
	edit(dir)
	// Sums of files that have changed would be reported by `dpkg --verify`.
	must(t, os.Remove(filepath.Join(dir, "DEBIAN/md5sums")))
	out := filepath.Join(t.TempDir(), "edgeagent-"+newer+".deb")
	host(t, "dpkg-deb", "-Zgzip", "--root-owner-group", "--build", dir, out)
	return out
}

// host runs a program of the host, which must succeed.
func host(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v: %s", name, err, out)
	}
}
