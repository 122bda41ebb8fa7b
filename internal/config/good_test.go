package config

import (
	"fmt"
	"strings"
	"testing"
)

// Values at the very edge of what is accepted. The bad files hold those just
// beyond it.
func TestAcceptedAtTheLimit(t *testing.T) {
	tests := map[string]string{
		"keep alive, least":           "mqtt: {keep_alive: 30s}",
		"keep alive, most":            "mqtt: {keep_alive: 3m50s}",
		"client id, longest":          "mqtt: {client_id: " + strings.Repeat("c", 128) + "}",
		"client id, not ASCII":        "mqtt: {client_id: ゲートウェイ}",
		"status topic, longest":       "mqtt: {status_topic: " + strings.Repeat("t", 256) + "}",
		"status topic, most slashes":  "mqtt: {status_topic: a/b/c/d/e/f/g/h}",
		"probe, least":                "probe: {interval: 1s, suspect_interval: 1s, timeout: 100ms, down_after: 1, up_after: 1, hold: 0s}",
		"probe, most":                 "probe: {interval: 1h, suspect_interval: 1h, timeout: 30s, down_after: 100, up_after: 100, hold: 1h}",
		"tunnel, least":               "tunnel: {max_concurrent: 1, max_lifetime: 1m}",
		"tunnel, most":                "tunnel: {max_concurrent: 20, max_lifetime: 12h}",
		"tunnel, own endpoint":        "tunnel: {endpoint: \"10.0.7.9:8443\", ca: /etc/ssl/own.pem, proxy: /usr/bin/localproxy}",
		"tunnel, without services":    "tunnel: {enabled: false, services: {}}",
		"service name, longest":       "tunnel: {services: {" + strings.Repeat("S", 128) + ": \"localhost:65535\"}}",
		"service name of every kind":  "tunnel: {services: {a:b_c-D9: \"[::1]:1\"}}",
		"service on another machine":  "tunnel: {services: {PLC: \"plc-7.site.example:502\"}}",
		"port, least":                 "endpoint: {host: a.example.com, port: 1}",
		"port, most":                  "endpoint: {host: a.example.com, port: 65535}",
		"host, longest label":         "endpoint: {host: " + strings.Repeat("a", 63) + ".example.com}",
		"ranges, widest and narrow":   "endpoint: {host: a.example.com, private_cidrs: [10.0.0.0/8, 198.51.100.7/32]}",
		"servers in a public range":   "endpoint: {host: a.example.com, private_cidrs: [198.51.100.0/24]}\nresolver: {servers: [198.51.100.2]}",
		"servers in carrier's range":  "resolver: {servers: [100.127.0.53]}",
		"upstream over IPv6":          "resolver: {upstream: [\"2001:db8::53\", \"fe80::1%wlan0\"]}",
		"upstream on this device":     "resolver: {upstream: [127.0.0.1]}",
		"resolved, agent only":        "resolver: {upstream: [127.0.0.53], host: none}",
		"listen over IPv6":            "resolver: {listen: \"[::1]:53\"}",
		"listen on a high port":       "resolver: {listen: 127.0.0.1:5353, host: none}",
		"all names":                   "resolver: {domains: [\".\"]}",
		"several domains":             "resolver: {domains: [amazonaws.com, corp.example, x]}",
		"recovery, least":             "recovery: {openvpn_soft: 1s, openvpn_hard: 2s, openvpn_process: 3s, openvpn_start_over: 4s}",
		"recovery, most":              "recovery: {openvpn_start_over: 24h, cellular_reboot: 24h, reboot: true}",
		"recovery of a modem, least":  "recovery: {cellular_activate: 1s, cellular_reenable: 2s, cellular_reset: 3s, cellular_modem_manager: 4s, cellular_usb: 5s, cellular_reboot: 10m}",
		"recovery of a modem, never":  "recovery: {cellular_activate: 0s, cellular_reenable: 0s, cellular_reset: 0s, cellular_modem_manager: 0s, cellular_usb: 0s, cellular_reboot: 0s}",
		"recovery, a rung left out":   "recovery: {cellular_reset: 0s, cellular_reenable: 19m}",
		"log, loud and for machines":  "log: {level: debug, format: json}",
		"log, quiet and for people":   "log: {level: error, format: text}",
		"every section commented out": "resolver:\nmqtt:\ntunnel:\nprobe:\nrecovery:\nlog:",
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(text, "endpoint: {host") {
				text += "\nendpoint: {host: a.example.com}"
			}
			acceptedFile(t, "device: {thing: gw-042, region: ap-northeast-1}\n"+
				"links: [{name: vpn, type: openvpn, config: /a.ovpn}]\n"+text+"\n")
		})
	}
	for _, mode := range []string{HostAuto, HostResolved, HostResolvconf, HostFile, HostNone} {
		t.Run("host mode "+mode, func(t *testing.T) {
			acceptedFile(t, string(shipped(t, "minimal.yaml"))+"resolver: {host: "+mode+"}\n")
		})
	}
}

func acceptedFile(t *testing.T, text string) {
	t.Helper()
	if _, err := Parse("good.yaml", []byte(text)); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestAcceptedDevices(t *testing.T) {
	things := []string{"a", "7", "gw:042_a-B", strings.Repeat("g", 128)}
	for _, thing := range things {
		acceptedFile(t, strings.Replace(string(shipped(t, "minimal.yaml")), "gw-042", fmt.Sprintf("%q", thing), 1))
	}
	regions := []string{"us-east-1", "us-gov-west-1", "ap-southeast-7", "mx-central-1", "us-iso-east-1"}
	for _, region := range regions {
		acceptedFile(t, strings.ReplaceAll(string(shipped(t, "minimal.yaml")), "ap-northeast-1", region))
	}
}

func TestAcceptedLinks(t *testing.T) {
	tests := map[string]string{
		"openvpn with files":         "{name: vpn, type: openvpn, config: /a.ovpn, cert: /a.crt, key: /a.key}",
		"openvpn in full":            "{name: vpn, type: openvpn, config: /a.ovpn, cert: '', key: '', full_tunnel: true, routes: [10.0.0.0/16], metered: true}",
		"interface as text":          "{name: arc, type: interface, interface: wg0, unit: wg-quick@wg0.service}",
		"interface as list":          "{name: canal, type: interface, interface: [ppp0, wwan0], connection: 'My SIM / 2'}",
		"interface, longest name":    "{name: leg, type: interface, interface: enx001122334455}",
		"interface with nothing":     "{name: leg, type: interface, interface: eth1, connection: '', unit: ''}",
		"unit with escaped letters":  `{name: leg, type: interface, interface: eth1, unit: 'modem-dev\x2dttyUSB0.service'}`,
		"longest name":               "{name: " + strings.Repeat("n", 32) + ", type: interface, interface: eth1}",
		"two openvpn links":          "{name: a, type: openvpn, config: /a.ovpn}, {name: b, type: openvpn, config: /b.ovpn}",
		"two interface links":        "{name: a, type: interface, interface: ppp0}, {name: b, type: interface, interface: [wg0, wg1]}",
		"narrowest and widest route": "{name: a, type: interface, interface: ppp0, routes: [10.0.0.0/8, 10.0.0.2/32]}",
	}
	for name, links := range tests {
		t.Run(name, func(t *testing.T) {
			acceptedFile(t, "device: {thing: gw-042, region: ap-northeast-1}\nlinks: ["+links+"]\n"+
				"endpoint: {host: a.example.com}\n")
		})
	}
}

// What the system compares with has no IPv4 address in the form of IPv6.
func TestAddressesInOneForm(t *testing.T) {
	c, err := Parse("good.yaml", []byte("device: {thing: gw-042, region: ap-northeast-1}\n"+
		"links: [{name: vpn, type: openvpn, config: /a.ovpn}]\nendpoint: {host: a.example.com}\n"+
		"resolver: {listen: \"[::ffff:127.0.0.1]:53\", servers: [\"::ffff:10.0.0.2\"]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if listen, server := c.Resolver.Listen.String(), c.Resolver.Servers[0].String(); listen != "127.0.0.1:53" || server != "10.0.0.2" {
		t.Errorf("listen %s, server %s", listen, server)
	}
}
