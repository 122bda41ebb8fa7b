package vpn

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"edgeagent/internal/config"
	"edgeagent/internal/ovpn"
)

const fieldFile = "\ufeff# as found at a site\r\n" +
	"client\ndev tun\n" +
	"remote CVPN-endpoint-0lab.prod.clientvpn.ap-northeast-1.amazonaws.com. 443\n" +
	"remote 203.0.113.10 1194 tcp\n" +
	"remote cvpn-endpoint-0lab.prod.clientvpn.ap-northeast-1.amazonaws.com 1194\n" +
	"<connection>\nremote backup.vpn.example 443\n</connection>\n" +
	"remote-random-hostname\n" +
	"script-security 2\n" +
	"up /etc/openvpn/update-systemd-resolved\n" +
	"--down /etc/openvpn/update-systemd-resolved\n" +
	"setenv opt route-up /x\n" +
	"verb 5\n" +
	"cert keys/gw.crt\nkey /abs/gw.key\n" +
	"dhcp-option DNS 10.0.0.9\n" +
	"<ca>\nup inside a block is no option\n</ca>\n" +
	"management localhost 7505\nmanagement-hold\nlog /var/log/x\n" +
	"comp-lzo no"

func TestParseProfile(t *testing.T) {
	p := parseProfile("/etc/edgeagent/openvpn/client.ovpn", fieldFile)
	if want := []string{"cvpn-endpoint-0lab.prod.clientvpn.ap-northeast-1.amazonaws.com", "backup.vpn.example"}; !slices.Equal(p.remotes, want) {
		t.Errorf("remotes %q, want %q", p.remotes, want)
	}
	want := []line{{12, "up"}, {13, "down"}, {14, "route-up"}, {22, "management"}, {23, "management-hold"}, {24, "log"}}
	if !slices.Equal(p.dropped, want) {
		t.Errorf("dropped %v, want %v", p.dropped, want)
	}
	if !p.randomHost || p.cert.file != "/etc/edgeagent/openvpn/keys/gw.crt" || p.key.file != "/abs/gw.key" ||
		p.ca.inline != "up inside a block is no option" || p.verb != 5 || len(p.servers) != 1 {
		t.Errorf("%+v", p)
	}
	if err := p.err(); err != nil {
		t.Error(err)
	}
}

// Every line stays where it was, or is a comment there: OpenVPN's messages
// name lines.
func TestRenderKeepsTheLinesInPlace(t *testing.T) {
	p := parseProfile("/etc/x.ovpn", fieldFile)
	out := strings.Split(string(p.render(config.Link{Cert: "/etc/my certs/gw.crt"}, netip.Addr{})), "\n")
	for i, in := range strings.Split(strings.TrimPrefix(fieldFile, "\ufeff"), "\n") {
		in = strings.TrimSuffix(in, "\r")
		if out[i] != in && !strings.HasPrefix(out[i], "# left out: ") {
			t.Errorf("line %d: %q became %q", i+1, in, out[i])
		}
	}
	text := strings.Join(out, "\n")
	for _, own := range []string{"\nscript-security 1\n", "\nroute-noexec\n", "\nverb 4\n", "\nmanagement-query-remote\n", "\ncert \"/etc/my certs/gw.crt\"\n"} {
		if !strings.Contains(text, own) {
			t.Errorf("%q is missing", own)
		}
	}
	for _, gone := range []string{"script-security 2", "update-systemd-resolved", "7505", "/var/log/x", "\nremote-random-hostname"} {
		if strings.Contains(text, gone) {
			t.Errorf("%q is still there", gone)
		}
	}
}

func TestUnsuitableFiles(t *testing.T) {
	for text, want := range map[string]string{
		"client\nconfig other.conf\n": "x.ovpn:2: it reads another file (config); put everything into one",
		"dev tap0\n":                  "x.ovpn:1: dev tap is not supported, only dev tun",
		"auth-user-pass\n":            "x.ovpn:1: auth-user-pass without a file asks for a password, and nobody is there to type it",
		"tls-verify /bin/true\n":      "x.ovpn:1: tls-verify runs a script, and no scripts are run; remove the line if the check is not needed",
		"client\n<ca>\nabc\n":         "x.ovpn:3: <ca> has no end",
	} {
		err := parseProfile("x.ovpn", text).err()
		if err == nil || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%q: %v, want ...%q", text, err, want)
		}
	}
	if err := parseProfile("x.ovpn", "auth-user-pass creds.txt\naskpass /etc/pass\ndev tun\n").err(); err != nil {
		t.Error(err)
	}
}

func TestRemotes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.ovpn")
	if err := os.WriteFile(file, []byte(fieldFile), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Remotes(file)
	if err != nil || len(got) != 2 || got[1] != "backup.vpn.example" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := Remotes(filepath.Dir(file)); err == nil {
		t.Error("a directory was read")
	}
	if _, err := Remotes(file + ".none"); err == nil {
		t.Error("a missing file was read")
	}
}

// No line of any file gets an option through that the agent must not pass on,
// and none moves.
func FuzzConfig(f *testing.F) {
	f.Add(fieldFile)
	f.Add("<ca>\n<cert>\n</ca>\nup x\n</cert>")
	f.Add("<connection>\nup x\n</connection>")
	f.Add("--setenv --opt up\nsetenv opt --up x\n\"up\" x\n'up' x\nu\\p x")
	f.Add("remote \x00 443\r\r\n")
	f.Add("setenv opt --remote 'a b' \"4\\\"3\" udp4\nport x\nproto tcp6\n")
	f.Add("<connection>\nremote a\n</connection>\nremote b\nhttp-proxy c 1\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := parseProfile("/etc/x.ovpn", text)
		out := strings.Split(strings.TrimPrefix(strings.TrimSuffix(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), "\ufeff"), "\n")
		if len(p.lines) != len(out) {
			t.Fatalf("%d lines became %d", len(out), len(p.lines))
		}
		inside := ""
		for _, l := range p.lines {
			tag := ovpn.BlockTag(l)
			switch {
			case inside != "":
				if strings.HasPrefix(strings.TrimSpace(l), "</"+inside+">") {
					inside = ""
				}
				continue
			case tag != "" && tag != "connection":
				inside = tag
				continue
			}
			w := ovpn.Tokens(l)
			if len(w) > 0 && slices.Contains([]string{"up", "down", "plugin", "management", "script-security", "daemon"}, strings.TrimPrefix(w[0], "--")) {
				t.Fatalf("%q got through", l)
			}
		}
		if inside != "" && p.err() == nil {
			t.Fatalf("<%s> has no end, and that is no fault", inside)
		}
		_ = p.render(config.Link{}, netip.Addr{})
		if _, ok := p.sole(); ok {
			checkPinned(t, p)
		}
	})
}

// checkPinned: one line is another, and differs in the name alone.
func checkPinned(t *testing.T, p *profile) {
	pinned := p.pinned(netip.MustParseAddr("203.0.113.10"))
	at := p.dial.at[0]
	if got, want := ovpn.Tokens(pinned[at]), append([]string{"remote", "203.0.113.10"}, p.dial.args[1:]...); !slices.Equal(got, want) {
		t.Fatalf("%q became %q", p.lines[at], pinned[at])
	}
	if pinned = slices.Delete(slices.Clone(pinned), at, at+1); !slices.Equal(pinned, slices.Delete(slices.Clone(p.lines), at, at+1)) {
		t.Fatalf("other lines became %q", pinned)
	}
}
