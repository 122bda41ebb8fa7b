package config

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// olderKeys are of a version that never was.
var olderKeys = []retired{
	{path: "mqtt.keepalive", now: "keep_alive"},
	{path: "links[].nic", now: "interface"},
	{path: "log.colour"},
	{path: "endpoint.insecure", refuse: "delete the line: the endpoint is always proved private"},
}

func TestRetiredKeys(t *testing.T) {
	const device = "device: {thing: gw-042, region: ap-northeast-1}\n"
	const base = device + "links:\n  - {name: a, type: interface, interface: eth1}\nendpoint: {host: a.example.com}\n"
	tests := []struct {
		name, text string
		faults     string
		warnings   string
		check      func(Config) bool
	}{
		{"renamed goes on working", base + "mqtt:\n  keepalive: 60s\n", "",
			"old.yaml:6: mqtt.keepalive: the older name of keep_alive, still read; write keep_alive",
			func(c Config) bool { return c.MQTT.KeepAlive == 60e9 }},
		{"renamed is checked as what it is now", base + "mqtt: {keepalive: 300s}\n",
			`old.yaml:5: mqtt.keep_alive: found "300s", too large; accepted: 30s to 230s in whole seconds (a VPC endpoint silently cuts more to 230s and drops what is idle for 350s); write 230s or less`,
			"old.yaml:5: mqtt.keepalive: the older name of keep_alive, still read; write keep_alive", nil},
		{"old after new", base + "mqtt:\n  keep_alive: 60s\n  keepalive: 60s\n",
			"old.yaml:7: mqtt.keepalive: the older name of keep_alive, which is on line 6; accepted: each key once; delete one of the two", "", nil},
		{"new after old", base + "mqtt:\n  keepalive: 60s\n  keep_alive: 60s\n",
			"old.yaml:7: mqtt.keep_alive: given twice, first on line 6; accepted: each key once; delete one of the two",
			"old.yaml:6: mqtt.keepalive: the older name of keep_alive, still read; write keep_alive", nil},
		{"without effect", base + "log:\n  colour: {of: [any, shape]}\n", "",
			"old.yaml:6: log.colour: a key of an older version, without effect; delete the line", func(c Config) bool { return c.Log.Level == "info" }},
		{"in any link", device + "links:\n  - {name: a, type: interface, nic: [ppp0]}\nendpoint: {host: a.example.com}\n", "",
			"old.yaml:3: links[0].nic: the older name of interface, still read; write interface",
			func(c Config) bool { return c.Links[0].Interface[0] == "ppp0" }},
		{"refused", device + "links:\n  - {name: a, type: interface, interface: eth1}\nendpoint: {host: a.example.com, insecure: true}\n",
			"old.yaml:4: endpoint.insecure: a key of an older version; accepted: the keys host, port, private_cidrs; delete the line: the endpoint is always proved private",
			"", nil},
		{"unknown as ever", base + "mqtt: {keep: 60s}\n",
			"old.yaml:5: mqtt.keep: unknown key; accepted: the keys ca, cert, key, client_id, keep_alive, persistent_session, fleet, status_topic; delete the line", "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, c := parseWith("old.yaml", []byte(tt.text), olderKeys)
			if diff := cmp.Diff(tt.faults, r.faults.Error()); diff != "" {
				t.Errorf("faults: -want +got:\n%s", diff)
			}
			if diff := cmp.Diff(tt.warnings, r.warnings.Error()); diff != "" {
				t.Errorf("warnings: -want +got:\n%s", diff)
			}
			if tt.check != nil && !tt.check(c) {
				t.Errorf("read as %+v", c)
			}
		})
	}
}

func TestAnyItem(t *testing.T) {
	for path, want := range map[string]string{"links[3].nic": "links[].nic", "links[12]": "links[]", "mqtt.ca": "mqtt.ca", "": "", "a[1].b[2].c": "a[].b[].c"} {
		if got := anyItem(path); got != want {
			t.Errorf("%q: %q, want %q", path, got, want)
		}
	}
}
