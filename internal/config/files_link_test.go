package config

import (
	"encoding/pem"
	"strings"
	"testing"
)

// What the .ovpn file lacks or asks for is named at its own line.
func TestOpenVPNFile(t *testing.T) {
	vpn := issue(t, "vpn client")
	inline := func(tag string, text []byte) string { return "<" + tag + ">\n" + string(text) + "</" + tag + ">\n" }
	certKey := inline("cert", vpn.CertPEM) + inline("key", vpn.KeyPEM)
	const remote = "client\nremote vpn.example 443\n"
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}})
	tests := []struct {
		name, text, extra string // extra are keys of the link
		kind              Kind
		want              string
	}{
		{"as from AWS", remote + inline("ca", vpn.ca), "", NoClientCert,
			"DIR/edgeagent.yaml:3: links[0].config: DIR/client.ovpn has no client certificate: AWS's download comes without one; " +
				"accepted: the absolute path of an .ovpn file that no other link uses; add <cert> and <key> to it, or set cert and key here"},
		{"without its key", remote + inline("cert", vpn.CertPEM), "", NoClientCert,
			"DIR/edgeagent.yaml:3: links[0].config: DIR/client.ovpn has a client certificate without its private key; " +
				"accepted: the absolute path of an .ovpn file that no other link uses; add <key> to it, or set cert and key here"},
		{"with the link's own pair", remote, ", cert: DIR/cert.pem, key: DIR/key.pem", "", ""},
		{"the link's own pair comes first", remote + inline("cert", []byte("x")), ", cert: DIR/cert.pem, key: DIR/key.pem", "", ""},
		{"the link's own pair does not fit", remote, ", cert: DIR/cert.pem, key: DIR/other.key", KeyMismatch,
			"DIR/edgeagent.yaml:3: links[0].key: DIR/other.key does not belong to the certificate; "},
		{"with a pair inside", remote + certKey, "", "", ""},
		{"a password file instead", remote + "auth-user-pass login.txt\n", "", "", ""},
		{"a PKCS #12 file instead", remote + "pkcs12 login.txt\n", "", "", ""},
		{"asks for a password", remote + certKey + "auth-user-pass\n", "", Interactive,
			"DIR/client.ovpn:LAST: auth-user-pass: asks for a password, and nobody is there to type it; "},
		{"asks for a sign-on", remote + certKey + "auth-federate\n", "", Interactive,
			"DIR/client.ovpn:LAST: auth-federate: the endpoint wants people to sign on in a browser (SAML); "},
		{"password file missing", remote + "auth-user-pass nowhere.txt\n", "", MissingFile,
			"DIR/client.ovpn:3: auth-user-pass: DIR/nowhere.txt does not exist; accepted: a file that the agent can read; "},
		{"key inside is another's", remote + inline("cert", vpn.CertPEM) + inline("key", issue(t, "other").KeyPEM), "", KeyMismatch,
			"key: the text inside does not belong to the certificate; "},
		{"key inside is encrypted", remote + inline("cert", vpn.CertPEM) + inline("key", encrypted), "", EncryptedKey,
			"key: the text inside is protected by a passphrase; "},
		{"and its passphrase is in a file", remote + inline("cert", vpn.CertPEM) + inline("key", encrypted) + "askpass login.txt\n", "", "", ""},
		{"certificate inside is none", remote + inline("cert", vpn.KeyPEM) + inline("key", vpn.KeyPEM), "", WrongContent,
			"DIR/client.ovpn:3: cert: the text inside holds a private key, and no certificate; "},
		{"the last of two counts", remote + "cert nowhere.crt\n" + certKey, "", "", ""},
		{"relative to cd", remote + "cd sub\ncert vpn.crt\nkey vpn.key\n", "", MissingFile, "cert: DIR/sub/vpn.crt does not exist; "},
		{"of the old form", remote + "cert [inline]\n" + certKey, "", "", ""},
		{"no configuration of OpenVPN", "<html>403</html>\n", "", WrongContent,
			"DIR/edgeagent.yaml:3: links[0].config: DIR/client.ovpn is no OpenVPN client configuration: it has no remote; "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := install(t, strings.Replace(minimal, "config: DIR/client.ovpn", "config: DIR/client.ovpn"+tt.extra, 1))
			write(t, dir+"/client.ovpn", []byte(tt.text))
			write(t, dir+"/login.txt", []byte("gw-042\nsecret\n"))
			write(t, dir+"/other.key", issue(t, "another").KeyPEM)
			r := Examine(file, Self())
			if tt.kind == "" {
				if r.Err() != nil || len(r.Warnings) > 0 {
					t.Errorf("%v %v", r.Faults, r.Warnings)
				}
				return
			}
			want := strings.NewReplacer("DIR", dir, "LAST", lastLine(tt.text)).Replace(tt.want)
			if len(r.Faults) == 0 || r.Faults[0].Kind != tt.kind || !strings.Contains(r.Faults[0].Error(), want) {
				t.Errorf("%v\nwant %s: %s", r.Faults, tt.kind, want)
			}
			if strings.Contains(r.Faults.Error(), string(vpn.KeyPEM[40:80])) {
				t.Error("the key is in the message")
			}
		})
	}
}

// AWS's download is completed by the command that the fault comes with.
func TestAddPair(t *testing.T) {
	dir, file := install(t, minimal)
	vpn := issue(t, "vpn client")
	write(t, dir+"/client.ovpn", []byte("client\nremote vpn.example 443\n"))
	write(t, dir+"/vpn.crt", vpn.CertPEM)
	write(t, dir+"/vpn.key", vpn.KeyPEM)
	f := onlyFault(t, Examine(file, Self()))
	for i := range f.Commands {
		f.Commands[i] = strings.NewReplacer("CERTIFICATE", dir+"/vpn.crt", "KEY", dir+"/vpn.key").Replace(f.Commands[i])
	}
	obey(t, f)
	if r := Examine(file, Self()); len(f.Commands) != 1 || r.Err() != nil || len(r.Warnings) > 0 {
		t.Errorf("after %q: %v %v", f.Commands, r.Faults, r.Warnings)
	}
}

func lastLine(text string) string { return plain(strings.Count(text, "\n")) }

func FuzzReadProfile(f *testing.F) {
	f.Add("client\nremote a 1\n<cert>\nx\n</cert>\ncd /x\nkey a.key\n")
	f.Add("<key>\nwithout an end")
	f.Add("--auth-user-pass\n--askpass \"\"\n<>\n</>\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := readProfile("/etc/x/a.ovpn", text)
		seen := map[string]bool{}
		for _, c := range p.texts {
			if seen[c.option] || c.line < 1 || c.line > strings.Count(text, "\n")+1 || c.file != "" && c.file[0] != '/' {
				t.Fatalf("%+v", c)
			}
			seen[c.option] = true
			judge([]byte(c.text), credentialOptions[c.option])
		}
	})
}
