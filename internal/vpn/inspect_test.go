package vpn

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

func TestDoor(t *testing.T) {
	for text, want := range map[string]Door{
		"remote vpn.example 443\nproto udp\nremote-random-hostname\n": {Host: "vpn.example", Port: 443, Random: true},
		"remote 203.0.113.10\nremote other.example 500\n":             {Host: "203.0.113.10", Port: defaultPort},
		"proto tcp-client\nremote vpn.example\nport 443\n":            {Host: "vpn.example", Port: 443, TCP: true},
		"remote vpn.example 443 tcp4\n":                               {Host: "vpn.example", Port: 443, TCP: true},
		"remote vpn.example 443\n<tls-crypt>\nx\n</tls-crypt>\n":      {Host: "vpn.example", Port: 443, Silent: true},
		"remote vpn.example 443\ntls-auth ta.key 1\n":                 {Host: "vpn.example", Port: 443, Silent: true},
		"remote vpn.example port\n":                                   {Host: "vpn.example", Port: defaultPort},
		"":                                                            {Port: defaultPort},
	} {
		if got := parseProfile("client.ovpn", text).door(); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

func TestInspect(t *testing.T) {
	file := filepath.Join(t.TempDir(), "client.ovpn")
	text := "client\ndev tap\nremote vpn.example 443\nup /etc/openvpn/update-resolv-conf\nauth-user-pass\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := Inspect(config.Link{Config: file})
	if err != nil {
		t.Fatal(err)
	}
	faults := strings.Join(in.Faults, "\n")
	for _, want := range []string{file + ":2: dev tap", file + ":5: auth-user-pass without a file"} {
		if !strings.Contains(faults, want) {
			t.Errorf("faults %q lack %q", faults, want)
		}
	}
	if want := []string{"up (line 4)"}; !reflect.DeepEqual(in.Left, want) {
		t.Errorf("left out %q, want %q", in.Left, want)
	}
}

func TestInspectWithoutFile(t *testing.T) {
	if _, err := Inspect(config.Link{Config: filepath.Join(t.TempDir(), "none")}); err == nil {
		t.Error("a file that is not there has no error")
	}
}
