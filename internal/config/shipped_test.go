package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var netipValues = cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{})

const endpointHost = "xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com"

// filledIn is the default configuration with the keys that have no default.
func filledIn() Config {
	c := Default()
	c.Device = Device{Thing: "gw-042", Region: "ap-northeast-1"}
	c.Links = []Link{{Name: "vpn", Type: LinkOpenVPN, Config: "/etc/edgeagent/openvpn/client.ovpn"}}
	c.Endpoint.Host = endpointHost
	c.MQTT.ClientID = "gw-042"
	c.Tunnel.Endpoint = "data.tunneling.iot.ap-northeast-1.amazonaws.com:443"
	return c
}

// shipped returns a shipped file, with the values marked FILL IN.
func shipped(t *testing.T, name string) []byte {
	t.Helper()
	text := string(asShipped(t, name))
	for empty, value := range map[string]string{`thing: ""`: "gw-042", `region: ""`: "ap-northeast-1", `host: ""`: endpointHost} {
		key, _, _ := strings.Cut(empty, `"`)
		text = strings.Replace(text, empty, key+value, 1)
	}
	return []byte(text)
}

func asShipped(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("../../configs", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The packaged file lacks exactly what it marks, and is told apart from a faulty
// one by that alone.
func TestPackagedFileIsUnfilled(t *testing.T) {
	data := asShipped(t, "edgeagent.yaml")
	_, err := Parse("edgeagent.yaml", data)
	var faults Errors
	if !errors.As(err, &faults) || !faults.Incomplete() {
		t.Fatalf("got %v", err)
	}
	lines := strings.Split(string(data), "\n")
	for _, f := range faults {
		at := lines[f.Line-1]
		if f.Kind != Unfilled || !strings.Contains(at, `""`) || !strings.Contains(at+lines[f.Line-3], "FILL IN") {
			t.Errorf("%v: line %q", f, at)
		}
	}
	if marks := strings.Count(string(data), "FILL IN: "); marks != len(faults) {
		t.Errorf("%d marks, %d faults: %v", marks, len(faults), faults)
	}
	if _, err := Parse("edgeagent.yaml", []byte(string(data)+"nolog: {}\n")); err == nil || err.(Errors).Incomplete() {
		t.Errorf("with a fault beside what is missing: %v", err)
	}
}

func TestShippedFiles(t *testing.T) {
	vpc := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}
	inbound := []netip.Addr{netip.MustParseAddr("10.0.6.53"), netip.MustParseAddr("10.0.20.53")}
	canal := Link{Name: "canal", Type: LinkInterface, Interface: []string{"ppp0", "wwan0"},
		Connection: "soracom", Routes: vpc, Metered: true}
	tests := map[string]func(*Config){
		"minimal.yaml":   func(*Config) {},
		"edgeagent.yaml": func(*Config) {},
		"canal.yaml": func(c *Config) {
			c.Links = []Link{canal}
			c.Resolver.Servers, c.Endpoint.PrivateCIDRs = inbound, vpc
		},
		"failover.yaml": func(c *Config) {
			c.Links[0].Routes = vpc
			c.Links = append(c.Links, canal)
			c.Resolver.Servers, c.Endpoint.PrivateCIDRs = inbound, vpc
		},
	}
	files, err := filepath.Glob("../../configs/*.yaml")
	if err != nil || len(files) != len(tests) {
		t.Fatalf("%d tests for the files %v (%v)", len(tests), files, err)
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			want := filledIn()
			change(&want)
			got, err := Parse(name, shipped(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, netipValues, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// The reference holds every key with its default, so that a reader need not
// look anywhere else. The keys of an interface link are in its commented part.
func TestReferenceHasEveryKey(t *testing.T) {
	active, fault := parse("edgeagent.yaml", shipped(t, "edgeagent.yaml"))
	if active.faults != nil {
		t.Fatal(fault)
	}
	var commented strings.Builder
	inExample := false
	for line := range strings.Lines(string(shipped(t, "edgeagent.yaml"))) {
		inExample = strings.HasPrefix(line, "#  - ") || inExample && strings.HasPrefix(line, "#    ")
		if inExample {
			line = line[1:]
		}
		commented.WriteString(line)
	}
	both, _ := parse("edgeagent.yaml", []byte(commented.String()))
	if both.faults != nil {
		t.Fatalf("with the example: %v", both.faults)
	}
	for _, path := range paths("", configType, both) {
		if !both.given(path) {
			t.Errorf("%s is not in the reference", path)
		}
	}
}

// paths lists every key that the schema has, with each link of the file.
func paths(at string, section reflect.Type, r *reader) []string {
	var all []string
	for _, f := range fields(section) {
		path := join(at, f.name)
		all = append(all, path)
		switch {
		case isSection(f.typ):
			all = append(all, paths(path, f.typ, r)...)
		case f.typ == reflect.TypeFor[[]Link]():
			all = append(all, linkPaths(path+"[0]", LinkOpenVPN)...)
			all = append(all, linkPaths(path+"[1]", LinkInterface)...)
		}
	}
	return all
}

func linkPaths(at, kind string) []string {
	var all []string
	for _, f := range fields(reflect.TypeFor[Link]()) {
		if f.only == "" || f.only == kind {
			all = append(all, join(at, f.name))
		}
	}
	return all
}
