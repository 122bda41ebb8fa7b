package lab

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// section is a part of edgeagent.yaml, by its dotted prefix.
type section struct{ name, head, indent string }

var sections = []section{
	{"device", "device:\n", "  "},
	{"link", "links:\n  - name: vpn\n", "    "},
	{"canal", "  - name: canal\n", "    "},
	{"resolver", "resolver:\n", "  "},
	{"endpoint", "endpoint:\n", "  "},
	{"mqtt", "mqtt:\n", "  "},
	{"tunnel", "tunnel:\n", "  "},
	{"probe", "probe:\n", "  "},
	{"recovery", "recovery:\n", "  "},
	{"log", "log:\n", "  "},
}

// alone are the keys outside of all sections.
var alone = []string{"status_page", "status_page_password_file", "metrics_listen"}

// ConfigFile returns the path of the device's edgeagent.yaml.
func (l *Lab) ConfigFile() string { return l.path("device", "edgeagent.yaml") }

// RuntimeDir returns the runtime directory of the device's agent.
func (l *Lab) RuntimeDir() string { return l.path("device", "run") }

// StateDir returns the state directory of the device's agent.
func (l *Lab) StateDir() string { return l.path("device", "state") }

// writeConfig writes only keys that have no default, and those of the options:
// to write out a default can mean something else than to leave it.
func (l *Lab) writeConfig() error {
	keys := map[string]string{
		"device.thing": Thing, "device.region": Region,
		"link.type": "openvpn", "link.config": l.path("device", "client.ovpn"),
		"resolver.host": "file",
		"endpoint.host": EndpointHost,
		"mqtt.ca":       l.path("pki", "iot-ca.crt"),
		"mqtt.cert":     l.path("pki", "device.crt"),
		"mqtt.key":      l.path("pki", "device.key"),
		"tunnel.ca":     l.path("pki", "iot-ca.crt"),
	}
	if l.opts.FieldConfig {
		keys["link.cert"] = l.path("pki", "vpn-client.crt")
		keys["link.key"] = l.path("pki", "vpn-client.key")
	}
	if l.opts.Canal == CanalAlone {
		maps.DeleteFunc(keys, func(key, _ string) bool { return strings.HasPrefix(key, "link.") })
	}
	maps.Copy(keys, l.canalKeys())
	maps.Copy(keys, l.opts.Config)
	text, err := yamlOf(keys)
	if err != nil {
		return err
	}
	return os.WriteFile(l.ConfigFile(), []byte(text), 0o600)
}

// yamlOf renders dotted keys as the sections of edgeagent.yaml.
func yamlOf(keys map[string]string) (string, error) {
	var b strings.Builder
	rest := maps.Clone(keys)
	for _, s := range sections {
		head := s.head
		if s.name == "canal" && b.Len() > 0 && !strings.Contains(b.String(), "\nlinks:") {
			head = "links:\n" + head
		}
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			name, ok := strings.CutPrefix(key, s.name+".")
			if !ok {
				continue
			}
			fmt.Fprintf(&b, "%s%s%s: %s\n", head, s.indent, name, keys[key])
			head = ""
			delete(rest, key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(rest)) {
		if slices.Contains(alone, key) {
			fmt.Fprintf(&b, "%s: %s\n", key, keys[key])
			delete(rest, key)
		}
	}
	if len(rest) > 0 {
		return "", fmt.Errorf("no such section in edgeagent.yaml: %v", slices.Sorted(maps.Keys(rest)))
	}
	return b.String(), nil
}
