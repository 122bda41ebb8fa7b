package lab

import (
	"strings"
	"testing"
)

func TestYAMLOf(t *testing.T) {
	got, err := yamlOf(map[string]string{
		"link.type": "openvpn", "link.routes": "[10.0.0.0/16]", "probe.interval": "2s", "device.thing": "gw-042",
		"metrics_listen": "127.0.0.1:9787",
	})
	must(t, err)
	const want = `device:
  thing: gw-042
links:
  - name: vpn
    routes: [10.0.0.0/16]
    type: openvpn
probe:
  interval: 2s
metrics_listen: 127.0.0.1:9787
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestYAMLOfRefusesAnUnknownSection(t *testing.T) {
	_, err := yamlOf(map[string]string{"prober.interval": "2s"})
	if err == nil || !strings.Contains(err.Error(), "prober.interval") {
		t.Errorf("got %v, want an error that names the key", err)
	}
}

func TestClientIDs(t *testing.T) {
	lines := strings.Split(strings.ReplaceAll(`TITLE|OpenVPN 2.6.14
HEADER|CLIENT_LIST|Common Name|Real Address|Virtual Address|Virtual IPv6 Address|Bytes Received|Bytes Sent|Connected Since|Connected Since (time_t)|Username|Client ID|Peer ID|Data Channel Cipher
CLIENT_LIST|gw-042|203.0.113.1:40000|172.31.0.34||3201|3340|2026-11-21 08:30:00|1795304444|UNDEF|7|0|AES-256-GCM
HEADER|ROUTING_TABLE|Virtual Address|Common Name|Real Address|Last Ref|Last Ref (time_t)`, "|", "\t"), "\n")
	if got := clientIDs(lines); len(got) != 1 || got[0] != "7" {
		t.Errorf("got %v, want the client with ID 7", got)
	}
}
