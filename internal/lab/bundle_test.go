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
	l, _ := startOK(t, Options{FieldConfig: true, Config: impatient})
	const wifi, dns, password = "PlantedWifi9", "PlantedDns77", "planted horse battery"
	add := func(file, text string) {
		old, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, append(old, text...), 0o600))
	}
	add(l.ConfigFile(), "# wifi psk: "+wifi+"\n")
	must(t, os.WriteFile(l.path("device", "auth.txt"), []byte("tech\n"+password+"\n"), 0o600))
	add(l.path("device", "client.ovpn"), "# auth-user-pass auth.txt was: "+password+"\nauth-user-pass auth.txt\n")
	must(t, l.Device.WriteFile("/etc/hosts", "127.0.0.1 localhost # password="+dns+"\n"))
	keys := map[string]string{"psk": wifi, "hosts": dns, "password": password}
	for _, name := range []string{"device.key", "vpn-client.key"} {
		text, err := os.ReadFile(l.path("pki", name))
		must(t, err)
		keys[name] = strings.Split(string(text), "\n")[1]
		add(l.ConfigFile(), "# the key was "+keys[name]+"\n")
	}

	out, code, err := l.Edgeagent(t.Context(), os.Getenv(binEnv), "support-bundle", "--config", l.ConfigFile(), "-o", "-")
	must(t, err)
	if code != 0 {
		t.Fatalf("exit code %d", code)
	}
	files := unpacked(t, []byte(out))
	for what, secret := range keys {
		for name, text := range files {
			if strings.Contains(text, secret) {
				t.Errorf("%s is in %s", what, name)
			}
		}
	}
	for name, want := range map[string]string{
		"status.txt": "gw-042", "check.txt": "broker.connect", "config.yaml": "thing: " + Thing, "openvpn.txt": "remote ",
		"network/routes.txt": "tun0 proto 158", "network/resolv.conf": "127.0.0.153", "network/hosts": "localhost", "state.txt": "control.sock",
	} {
		if !strings.Contains(files[name], want) {
			t.Errorf("%s lacks %q:\n%s", name, want, files[name])
		}
	}
	clean(t, l, "support-bundle")
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
