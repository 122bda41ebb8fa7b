package lab

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestSupportBundleHoldsNoSecret plants secrets where they are found on
// gateways, and where they do not belong.
func TestSupportBundleHoldsNoSecret(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{FieldConfig: true, Config: impatient})
	const wifi, japanese, dns, password = "PlantedWifi9", "planted ja", "PlantedDns77", "planted horse battery"
	add := func(file, text string) {
		old, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, append(old, text...), 0o600))
	}
	add(l.ConfigFile(), "# wifi psk: "+wifi+"\n# パスワードは「"+japanese+"」\n")
	must(t, os.WriteFile(l.path("device", "auth.txt"), []byte("tech\n"+password+"\n"), 0o600))
	add(l.path("device", "client.ovpn"), "# auth-user-pass auth.txt was: "+password+"\nauth-user-pass auth.txt\n")
	must(t, l.Device.WriteFile("/etc/hosts", "127.0.0.1 localhost # password="+dns+"\n"))
	keys := map[string]string{"psk": wifi, "note in Japanese": japanese, "hosts": dns, "password": password}
	for _, name := range []string{"device.key", "vpn-client.key"} {
		text, err := os.ReadFile(l.path("pki", name))
		must(t, err)
		keys[name] = strings.Split(string(text), "\n")[1]
		add(l.ConfigFile(), "# the key was "+keys[name]+"\n")
	}

	files := bundled(t, l, keys)
	for name, want := range map[string]string{
		"status.txt": "gw-042  ", "history.json": `"step_s":60`, "check.txt": "broker.connect", "config.yaml": "thing: " + Thing, "openvpn.txt": "remote ",
		"network/routes.txt": "tun0 proto 158", "network/resolv.conf": "127.0.0.153", "network/hosts": "localhost", "state.txt": "control.sock",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, files[name])
		}
	}
	a.Stop()
	files = bundled(t, l, keys)
	for name, want := range map[string]string{
		"status.txt": "the edgeagent daemon does not run", "check.txt": "daemon", "README.txt": "history.json: the daemon does not run",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("without the daemon %s lacks %q:\n%s", name, want, files[name])
		}
	}
	onFullDisk(t, l)
	clean(t, l, "support-bundle")
}

// bundled makes a bundle as somebody does who reads Japanese, and returns its
// files, which hold none of the secrets.
func bundled(t *testing.T, l *Lab, secrets map[string]string) map[string]string {
	t.Helper()
	out, code, err := l.Edgeagent(t.Context(), "/usr/bin/env", "LANG=ja_JP.UTF-8", os.Getenv(BinEnv), "support-bundle", "--config", l.ConfigFile(), "-o", "-")
	must(t, err)
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	files := unpacked(t, []byte(out))
	for what, secret := range secrets {
		for name, text := range files {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, name)
			}
		}
	}
	return files
}

// onFullDisk asks for a bundle where there is no room: it says what to do, and
// leaves nothing behind.
func onFullDisk(t *testing.T, l *Lab) {
	t.Helper()
	full := t.TempDir()
	script := `mount -t tmpfs -o size=4k none "$1" && "$2" support-bundle --config "$3" -o "$1/b.tar.gz" 2>&1; echo "status $?"; ls "$1"`
	out, err := l.Device.Run(t.Context(), "sh", "-c", script, "sh", full, os.Getenv(BinEnv), l.ConfigFile())
	must(t, err)
	if !strings.Contains(out, "no space left on device; write it into memory (-o /run/") || !strings.HasSuffix(out, "status 1\n") {
		t.Errorf("on a full disk: %s", out)
	}
}

// unpacked returns the files of an archive, without their directory.
func unpacked(t *testing.T, archive []byte) map[string]string {
	t.Helper()
	zip, err := gzip.NewReader(bytes.NewReader(archive))
	must(t, err)
	files := map[string]string{}
	for r := tar.NewReader(zip); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		_, name, _ := strings.Cut(h.Name, "/")
		files[name] = string(text)
	}
}
