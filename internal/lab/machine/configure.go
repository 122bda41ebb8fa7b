package machine

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"edgeagent/internal/lab"
)

// ConfigFile is the agent's conffile.
const ConfigFile = "/etc/edgeagent/edgeagent.yaml"

// trusted is what every program of a Debian trusts.
const trusted = "/etc/ssl/certs/ca-certificates.crt"

// Provision puts the files of the lab's VPN and AWS IoT where the installation
// guide says, with the owner and modes that it says. The package must be
// installed. The machine also comes to trust the lab's Amazon root, which the
// tunneling service's certificate is from.
func (m *Machine) Provision(ctx context.Context) error {
	for _, f := range []struct{ from, to string }{
		{"device/client.ovpn", "/etc/edgeagent/openvpn/client.ovpn"},
		{"pki/iot-ca.crt", "/etc/edgeagent/certs/AmazonRootCA1.pem"},
		{"pki/device.crt", "/etc/edgeagent/certs/certificate.pem.crt"},
		{"pki/device.key", "/etc/edgeagent/certs/private.pem.key"},
	} {
		if err := m.Push(ctx, filepath.Join(m.lab.Dir, f.from), f.to, "root:edgeagent", "0640"); err != nil {
			return err
		}
	}
	_, err := m.Check(ctx, "sh", "-c", "cat /etc/edgeagent/certs/AmazonRootCA1.pem >>"+trusted)
	return err
}

// Configure fills in the shipped conffile for the lab, as a person does with an
// editor, and sets further keys by their dotted names to a YAML value:
// {"probe.interval": "2s", "link.routes": "[10.0.0.0/16]"}; "link." means the
// first link.
func (m *Machine) Configure(ctx context.Context, keys map[string]string) error {
	text, err := m.ReadFile(ctx, ConfigFile)
	if err != nil {
		return err
	}
	if text, err = FillIn(text, keys); err != nil {
		return err
	}
	return m.WriteFile(ctx, ConfigFile, text)
}

// FillIn fills in the text of the shipped conffile as Configure does.
func FillIn(text string, keys map[string]string) (filled string, err error) {
	all := map[string]string{
		"device.thing": lab.Thing, "device.region": lab.Region, "endpoint.host": lab.EndpointHost,
	}
	maps.Copy(all, keys)
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if text, err = setKey(text, key, all[key]); err != nil {
			return "", err
		}
	}
	return text, nil
}

// setKey changes the value of a key that the file has, and nothing else of it.
func setKey(text, key, value string) (string, error) {
	section, name, _ := strings.Cut(key, ".")
	if section == "link" {
		section = "links"
	}
	head := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(section) + `:`).FindStringIndex(text)
	if head == nil {
		return "", fmt.Errorf("setting %s: the conffile has no %s", key, section)
	}
	// To the next section: the same key stands in several.
	body := text[head[1]:]
	if end := regexp.MustCompile(`(?m)^[a-z]`).FindStringIndex(body); end != nil {
		body = body[:end[0]]
	}
	at := regexp.MustCompile(`(?m)^  (?:- |  )?` + regexp.QuoteMeta(name) + `:([^#\n]*)`).FindStringSubmatchIndex(body)
	if at == nil {
		return "", fmt.Errorf("setting %s: the conffile has no such key", key)
	}
	from, to := head[1]+at[2], head[1]+at[3]
	return text[:from] + " " + value + " " + text[to:], nil
}
