package config

import (
	"encoding/pem"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// cipherKey is the key at path, protected by a passphrase in the older form of
// PEM, which only its header tells.
func cipherKey(t *testing.T, path string) {
	t.Helper()
	block, _ := pem.Decode(content(t, path))
	block.Headers = map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}
	write(t, path, pem.EncodeToMemory(block))
}

func content(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// change rewrites a file.
func change(t *testing.T, file string, f func([]byte) []byte) {
	t.Helper()
	write(t, file, f(content(t, file)))
}

func der(data []byte) []byte {
	block, _ := pem.Decode(data)
	return block.Bytes
}

func utf16(data []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, b := range data {
		out = append(out, b, 0)
	}
	return out
}

// Each way to put a wrong file into a place has one fault, which says what is
// there. Where it has a command, the command mends it.
func TestWrongContent(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, dir string)
		kind  Kind
		want  string // between the file's path and the end of what was found
	}{
		{"key empty", func(t *testing.T, dir string) { write(t, dir+"/key.pem", nil) }, WrongContent, "key.pem is empty"},
		{"certificate for key", func(t *testing.T, dir string) { write(t, dir+"/key.pem", content(t, dir+"/cert.pem")) },
			WrongContent, "key.pem holds a certificate, and no private key"},
		{"key for certificate", func(t *testing.T, dir string) { write(t, dir+"/cert.pem", content(t, dir+"/key.pem")) },
			WrongContent, "cert.pem holds a private key, and no certificate"},
		{"public key for key", func(t *testing.T, dir string) {
			write(t, dir+"/key.pem", pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte{1}}))
		}, WrongContent, "key.pem holds the public key (AWS names the right one ...-private.pem.key), and no private key"},
		{"request for certificate", func(t *testing.T, dir string) {
			write(t, dir+"/cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte{1}}))
		}, WrongContent, "cert.pem holds a certificate request; the certificate is what was issued for it, and no certificate"},
		{"device certificate for CA", func(t *testing.T, dir string) { write(t, dir+"/ca.pem", content(t, dir+"/cert.pem")) },
			WrongContent, `ca.pem holds the certificate of "gw-042", which is no CA`},
		{"cut off", func(t *testing.T, dir string) {
			change(t, dir+"/cert.pem", func(b []byte) []byte { return b[:len(b)/2] })
		}, WrongContent, `cert.pem is damaged or cut off: a line "-----BEGIN" without its "-----END"`},
		{"damaged", func(t *testing.T, dir string) {
			write(t, dir+"/cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("not one")}))
		}, WrongContent, "cert.pem holds a damaged certificate"},
		{"certificate in DER", func(t *testing.T, dir string) { change(t, dir+"/cert.pem", der) }, NotPEM, "cert.pem is a certificate in DER form"},
		{"CA in DER", func(t *testing.T, dir string) { change(t, dir+"/ca.pem", der) }, NotPEM, "ca.pem is a certificate in DER form"},
		{"key in DER", func(t *testing.T, dir string) { change(t, dir+"/key.pem", der) }, NotPEM, "key.pem is a private key in DER form"},
		{"key in DER for certificate", func(t *testing.T, dir string) { write(t, dir+"/cert.pem", der(content(t, dir+"/key.pem"))) },
			WrongContent, "cert.pem is a private key in DER form"},
		{"something else", func(t *testing.T, dir string) { write(t, dir+"/ca.pem", []byte("<html>403</html>")) },
			WrongContent, "ca.pem holds no PEM text"},
		{"byte order mark", func(t *testing.T, dir string) {
			change(t, dir+"/key.pem", func(b []byte) []byte { return append([]byte("\ufeff"), b...) })
		}, NotPEM, "key.pem begins with a byte order mark, which hides its first line"},
		{"UTF-16", func(t *testing.T, dir string) { change(t, dir+"/cert.pem", utf16) }, NotPEM, "cert.pem is UTF-16 text"},
		{"encrypted key", func(t *testing.T, dir string) { cipherKey(t, dir+"/key.pem") }, EncryptedKey, "key.pem is protected by a passphrase"},
		{"key of another certificate", func(t *testing.T, dir string) { write(t, dir+"/key.pem", issue(t, "other").KeyPEM) },
			KeyMismatch, "key.pem does not belong to the certificate"},
		{"too large", func(t *testing.T, dir string) { write(t, dir+"/ca.pem", make([]byte, maxCredential+1)) },
			WrongContent, "ca.pem is larger than 1 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := install(t, minimal)
			tt.spoil(t, dir)
			f := onlyFault(t, Examine(file, Self()))
			if found, _, _ := strings.Cut(f.Message, "; accepted: "); f.Kind != tt.kind || found != dir+"/"+tt.want {
				t.Errorf("%s: %s", f.Kind, found)
			}
			if f.Kind == EncryptedKey {
				return // its command asks for the passphrase
			}
			if (f.Kind == NotPEM) != (len(f.Commands) == 1) {
				t.Errorf("commands %q", f.Commands)
			}
			obey(t, f)
			if again := Examine(file, Self()); len(f.Commands) > 0 && (len(again.Faults) > 0 || len(again.Warnings) > 0) {
				t.Errorf("after %q: %v %v", f.Commands, again.Faults, again.Warnings)
			}
		})
	}
}

func onlyFault(t *testing.T, r Report) Fault {
	t.Helper()
	if len(r.Faults) != 1 || len(r.Warnings) != 0 {
		t.Fatalf("faults %v, warnings %v; want one fault", r.Faults, r.Warnings)
	}
	if r.Faults[0].Line > 0 {
		checkFaults(t, r.Faults)
	}
	return r.Faults[0]
}

// obey types the commands of a fault, as root.
func obey(t *testing.T, f Fault) {
	t.Helper()
	for _, command := range f.Commands {
		words, ok := strings.CutPrefix(command, "sudo ")
		if !ok {
			t.Fatalf("%q needs root", command)
		}
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", words).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", words, err, out)
		}
	}
}

// Windows line ends are no fault: all readers of these files skip them.
func TestWindowsLineEnds(t *testing.T) {
	dir, file := install(t, strings.ReplaceAll(minimal, "\n", "\r\n"))
	crlf := func(b []byte) []byte { return []byte(strings.ReplaceAll(string(b), "\n", "\r\n")) }
	for _, name := range []string{"client.ovpn", "ca.pem", "cert.pem", "key.pem"} {
		change(t, filepath.Join(dir, name), crlf)
	}
	for _, mark := range []string{"", "\ufeff"} {
		change(t, file, func(b []byte) []byte { return append([]byte(mark), b...) })
		change(t, dir+"/client.ovpn", func(b []byte) []byte { return append([]byte(mark), b...) })
		if r := Examine(file, Self()); r.Err() != nil || len(r.Warnings) > 0 {
			t.Errorf("%v %v", r.Faults, r.Warnings)
		}
	}
}

func TestSecretsForEveryone(t *testing.T) {
	const ca, key, profile = "/ca.pem", "/key.pem", "/client.ovpn"
	tests := []struct {
		name, file string
		mode       os.FileMode
		kind       Kind
		want       string
	}{
		{"key", key, 0o644, Exposed, "5: mqtt.key: DIR/key.pem (root:root, mode 0644) holds a secret, and every user of this device can get at it"},
		{"key that all may write", key, 0o602, Exposed, "5: mqtt.key: DIR/key.pem (root:root, mode 0602) holds a secret"},
		{"key inside the profile", profile, 0o644, Exposed, "3: links[0].config: DIR/client.ovpn (root:root, mode 0644) holds a secret"},
		{"certificate that all may write", ca, 0o646, Changeable, "5: mqtt.ca: DIR/ca.pem (root:root, mode 0646) can be changed by every user"},
		{"configuration that all may write", "/edgeagent.yaml", 0o666, Changeable, "DIR/edgeagent.yaml: (root:root, mode 0666) can be changed by every user"},
		{"certificate", ca, 0o644, "", ""},
		{"key of the group", key, 0o640, "", ""},
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: the messages name the owner")
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := install(t, minimal)
			if err := os.Chmod(dir+tt.file, tt.mode); err != nil {
				t.Fatal(err)
			}
			r := Examine(file, Self())
			if r.Err() != nil || len(r.Warnings) != len(tt.kind[:min(1, len(tt.kind))]) {
				t.Fatalf("faults %v, warnings %v", r.Faults, r.Warnings)
			}
			if tt.kind == "" {
				return
			}
			f := r.Warnings[0]
			if !strings.Contains(f.Error(), strings.ReplaceAll(tt.want, "DIR", dir)) || f.Kind != tt.kind {
				t.Errorf("%s: %v", f.Kind, f)
			}
			obey(t, f)
			if again := Examine(file, Self()); len(again.Warnings) > 0 {
				t.Errorf("after %q: %v", f.Commands, again.Warnings)
			}
		})
	}
}

// What the report was made of is what has to be watched.
func TestFilesLookedAt(t *testing.T) {
	dir, file := install(t, minimal+"tunnel: {ca: DIR/roots.pem, proxy: DIR/localproxy}\n")
	write(t, dir+"/client.ovpn", []byte("remote a 1\nca vpn.pem\ncert "+dir+"/vpn.crt\nkey sub/vpn.key\ntls-auth ta.key 1\n"))
	r := Examine(file, Self())
	for _, name := range []string{"edgeagent.yaml", "client.ovpn", "cert.pem", "key.pem", "ca.pem", "roots.pem", "localproxy",
		"vpn.pem", "vpn.crt", "sub/vpn.key", "ta.key"} {
		if !slices.Contains(r.Files, filepath.Join(dir, name)) {
			t.Errorf("%s is not among %q", name, r.Files)
		}
	}
}

func TestMissingFiles(t *testing.T) {
	dir, file := install(t, minimal)
	if err := os.Remove(dir + "/key.pem"); err != nil {
		t.Fatal(err)
	}
	service := User{Name: ServiceUser, UID: os.Geteuid(), Group: "edgeagent"}
	service.UID = max(service.UID, 1) // root is told to keep it for itself
	if os.Geteuid() == 0 {
		open(t, dir, service)
	}
	f := Examine(file, service).Faults[0]
	want := "sudo install -g edgeagent -m 640 FILE " + dir + "/key.pem"
	if f.Kind != MissingFile || !slices.Equal(f.Commands, []string{want}) || f.Brief() != dir+"/key.pem does not exist" {
		t.Errorf("%v: %q, want %q", f, f.Commands, want)
	}
	if !(Errors{f}).Incomplete() {
		t.Error("a missing file is more than missing")
	}
}
