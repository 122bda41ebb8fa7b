package vpn

import (
	"net/netip"
	"strings"
	"testing"

	"edgeagent/internal/config"
)

// severalServers is a file whose process asks where to connect to.
const severalServers = "client\ndev tun\nremote vpn.example 443 udp\nremote 198.51.100.7 443 udp\n"

func TestSoleServer(t *testing.T) {
	aws := "cvpn-endpoint-0lab.prod.clientvpn.ap-northeast-1.amazonaws.com"
	for text, want := range map[string]remote{
		"remote " + aws + " 443\nproto udp\n":           {aws, "443", "udp"},
		"proto tcp-client\nremote a\nrport 8443\n":      {"a", "8443", "tcp-client"},
		"remote a\nport 1195\n":                         {"a", "1195", "udp"},
		"remote a\n":                                    {"a", "1194", "udp"},
		"remote a 443 udp4\nproto tcp6\nport 1\n":       {"a", "443", "udp4"},
		"remote 203.0.113.10 443\nremote-random\n":      {"203.0.113.10", "443", "udp"},
		"setenv opt remote a 443 # the old one: b\n":    {"a", "443", "udp"},
		"<ca>\nremote b\n<connection>\n</ca>\nremote a": {"a", "1194", "udp"},
	} {
		if got, ok := parseProfile("x.ovpn", text).sole(); !ok || got != want {
			t.Errorf("%q: %v, %v, want %v", text, got, ok, want)
		}
	}
	for why, text := range map[string]string{
		"two":                "remote a\nremote b\n",
		"the same one twice": "remote a\nremote a\n",
		"a block":            "<connection>\nremote a\n</connection>\n",
		"none":               "client\n",
		"no name":            "remote\n",
		"an empty name":      "remote \"\" 443\n",
		"an HTTP proxy":      "remote a\nhttp-proxy proxy.example 8080\n",
		"a SOCKS proxy":      "socks-proxy 192.0.2.1 1080\nremote a\n",
	} {
		if got, ok := parseProfile("x.ovpn", text).sole(); ok {
			t.Errorf("%s: %v", why, got)
		}
	}
}

// Only the name is another one: OpenVPN goes by its own order of port and proto,
// and its line numbers stay the user's.
func TestPinnedServer(t *testing.T) {
	for line, want := range map[string]string{
		"remote vpn.example 443 udp # at site 7": `remote 203.0.113.10 "443" "udp"`,
		"  --remote vpn.example\r":               "remote 203.0.113.10",
		"setenv opt remote 'vpn.example' 443":    `remote 203.0.113.10 "443"`,
		"remote 203.0.113.10 1194":               `remote 203.0.113.10 "1194"`,
	} {
		p := parseProfile("x.ovpn", "client\nport 443\n"+line+"\nnobind\n")
		out := strings.Split(string(p.render(config.Link{}, addr("203.0.113.10"))), "\n")
		if out[2] != want || out[1] != "port 443" || out[3] != "nobind" || p.lines[2] == want {
			t.Errorf("%q: %q", line, out[:4])
		}
	}
}

func TestWhoAsks(t *testing.T) {
	p := parseProfile("x.ovpn", "remote vpn.example 443\n")
	for pin, asks := range map[netip.Addr]bool{{}: true, addr("203.0.113.10"): false, addr("2001:db8::1"): false} {
		text := string(p.render(config.Link{}, pin))
		if got := strings.Contains(text, "\nmanagement-query-remote\n"); got != asks {
			t.Errorf("pinned to %v, it asks: %v", pin, got)
		}
		if named := strings.Contains(text, "remote vpn.example 443\n"); named != asks {
			t.Errorf("pinned to %v, it has the name: %v", pin, named)
		}
	}
}
