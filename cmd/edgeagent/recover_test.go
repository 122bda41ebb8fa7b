package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const recoverConfig = `device: {thing: gw-042, region: ap-northeast-1}
links:
  - {name: vpn, type: openvpn, config: /a.ovpn}
  - {name: canal, type: interface, interface: ppp0, unit: wvdial.service, metered: true}
  - {name: arc, type: interface, interface: wg0}
endpoint: {host: a.example.com}
`

// rootFile writes a configuration that only root can change, if we are root.
func rootFile(t *testing.T, text string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: the helper obeys only root's files")
	}
	file := filepath.Join(t.TempDir(), "edgeagent.yaml")
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// recoverRun runs the helper where no system bus is.
func recoverRun(t *testing.T, file string, args ...string) (int, string) {
	t.Helper()
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "no-bus"))
	var out bytes.Buffer
	dir := t.TempDir()
	code := run(append([]string{"recover", "--config", file, "--state-dir", dir, "--run-dir", filepath.Join(dir, "run")}, args...), &out, &out)
	return code, out.String()
}

func TestRecoverRefuses(t *testing.T) {
	file := rootFile(t, recoverConfig)
	tests := []struct {
		asked, want string
	}{
		{"unit", `"unit" is not RUNG:LINK`},
		{"reset:canal", "one of the rungs unit, usb, modem-manager, reboot"},
		{"unit:", `no link "" of type interface; there are: canal, arc`},
		{"unit:vpn", `no link "vpn" of type interface`},
		{"unit:../canal", `no link "../canal"`},
		{"unit:arc", "not allowed by the configuration: link arc has no unit"},
		{"modem-manager:arc", "not allowed by the configuration: link arc has no modem"},
		{"reboot:canal", "not allowed by the configuration: recovery.reboot is false"},
	}
	for _, tt := range tests {
		code, out := recoverRun(t, file, tt.asked)
		if code != exitUsage || !strings.Contains(out, tt.want) {
			t.Errorf("%s: status %d, %q; want %q", tt.asked, code, out, tt.want)
		}
	}
}

// Leaving a rung out in the configuration binds root as well.
func TestRecoverObeysZero(t *testing.T) {
	for rung, key := range map[string]string{
		"unit": "cellular_activate", "usb": "cellular_usb", "modem-manager": "cellular_modem_manager",
	} {
		file := rootFile(t, recoverConfig+"recovery: {"+key+": 0s}\n")
		code, out := recoverRun(t, file, rung+":canal")
		if code != exitUsage || !strings.Contains(out, key+" is 0s") {
			t.Errorf("%s: status %d, %q", rung, code, out)
		}
	}
}

func TestRecoverFails(t *testing.T) {
	file := rootFile(t, recoverConfig)
	for asked, want := range map[string]string{
		"unit:canal": "link canal: no system bus",
		"usb:arc":    "no modem on USB",
	} {
		code, out := recoverRun(t, file, asked)
		if code != exitNotOK || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, %q; want %q", asked, code, out, want)
		}
	}
	code, out := recoverRun(t, rootFile(t, "device: {thing: 7}\n"), "unit:canal")
	if code != exitUsage || !strings.Contains(out, "edgeagent.yaml:1: ") {
		t.Errorf("with a faulty configuration: status %d, %q", code, out)
	}
}

// Root obeys no file that somebody else could have written.
func TestRecoverObeysRootAlone(t *testing.T) {
	tests := map[string]struct {
		bend func(file string) error
		want string
	}{
		"file for its group":    {func(f string) error { return os.Chmod(f, 0o664) }, "can be written by others"},
		"file for all":          {func(f string) error { return os.Chmod(f, 0o646) }, "can be written by others"},
		"directory for all":     {func(f string) error { return os.Chmod(filepath.Dir(f), 0o757) }, "can be written by others"},
		"file of a user":        {func(f string) error { return os.Chown(f, 65534, 0) }, "belongs to user 65534"},
		"directory of a user":   {func(f string) error { return os.Chown(filepath.Dir(f), 65534, 0) }, "belongs to user 65534"},
		"link to a user's file": {linkAway, "belongs to user 65534"},
		"missing":               {os.Remove, "no such file"},
	}
	for name, tt := range tests {
		file := rootFile(t, recoverConfig)
		if err := tt.bend(file); err != nil {
			t.Fatal(err)
		}
		code, out := recoverRun(t, file, "unit:canal")
		if code != exitUsage || !strings.Contains(out, tt.want) {
			t.Errorf("%s: status %d, %q; want %q", name, code, out, tt.want)
		}
		if err := os.Chmod(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := rootOnly(rootFile(t, recoverConfig)); err != nil {
		t.Errorf("a file of root's: %v", err)
	}
}

// linkAway puts the file elsewhere, owned by a user, and a link in its place.
func linkAway(file string) error {
	dir, err := os.MkdirTemp(filepath.Dir(filepath.Dir(file)), "away")
	if err != nil {
		return err
	}
	away := filepath.Join(dir, "x.yaml")
	if err := os.Rename(file, away); err != nil {
		return err
	}
	if err := os.Chown(away, 65534, 0); err != nil {
		return err
	}
	return os.Symlink(away, file)
}
