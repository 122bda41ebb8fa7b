package config

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

// Every key says what it accepts, or its faults would say nothing.
func TestEveryKeyAcceptsSomething(t *testing.T) {
	var check func(at string, section reflect.Type)
	check = func(at string, section reflect.Type) {
		for _, f := range fields(section) {
			path := join(at, f.name)
			switch {
			case f.name == "":
				t.Errorf("%s: field %d has no name", at, f.index)
			case isSection(f.typ):
				check(path, f.typ)
				continue
			case f.typ == reflect.TypeFor[[]Link]():
				check(path+"[7]", f.typ.Elem())
			}
			if f.accepts == "" || accepts(path) != f.accepts {
				t.Errorf("%s accepts %q, tagged %q", path, accepts(path), f.accepts)
			}
		}
	}
	check("", configType)
}

func TestAcceptsOfSections(t *testing.T) {
	tests := map[string]string{
		"":                     "the keys device, links,",
		"device":               "the keys thing, region",
		"links[0]":             "the keys name, type,",
		"links[0].routes[3]":   "IPv4 ranges",
		"tunnel.services.SSH":  "{NAME:",
		`tunnel.services."a.b`: "{NAME:",
		"resolver.servers[1]":  "private IPv4 addresses",
	}
	for path, want := range tests {
		if got := accepts(path); !strings.HasPrefix(got, want) {
			t.Errorf("accepts(%q) = %q, want %q...", path, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	tests := []struct {
		section    reflect.Type
		name, want string
	}{
		{configType, "link", "links"},
		{configType, "Device", "device"},
		{configType, "end-point", "endpoint"},
		{configType, "thing", "device.thing"},
		{configType, "full_tunnel", "links.full_tunnel"},
		{configType, "cert", ""}, // of a link or of mqtt: not for us to guess
		{configType, "zzz", ""},
		{configType, "statuspage", "status_page"},
		{reflect.TypeFor[Resolver](), "metrics_listen", "metrics_listen at the left margin"},
		{reflect.TypeFor[MQTT](), "persistent-sesion", "persistent_session"},
		{reflect.TypeFor[MQTT](), "log", "log at the left margin"},
		{reflect.TypeFor[MQTT](), "", ""},
		{reflect.TypeFor[Probe](), "suspect", ""}, // ten letters are missing
		{reflect.TypeFor[Tunnel](), "max_lifetim", "max_lifetime"},
	}
	for _, tt := range tests {
		if got := suggest(tt.section, tt.name); got != tt.want {
			t.Errorf("suggest(%s, %q) = %q, want %q", tt.section.Name(), tt.name, got, tt.want)
		}
	}
}

func TestDistance(t *testing.T) {
	tests := []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"keepalive", "keep_alive", 1}, {"kitten", "sitting", 3}, {"regoin", "region", 2},
	}
	for _, tt := range tests {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q) = %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestWithin(t *testing.T) {
	tests := []struct {
		inner, outer string
		want         bool
	}{
		{"links[0].name", "links[0]", true}, {"links[0].name", "links", true}, {"links", "links", true},
		{"links[10]", "links[1]", false}, {"mqtt.cert", "mqtt.ca", false}, {"mqtt.cert", "mqtt.c", false},
		{"anything", "", true}, {"links", "links[0]", false},
	}
	for _, tt := range tests {
		if got := within(tt.inner, tt.outer); got != tt.want {
			t.Errorf("within(%q, %q) = %v", tt.inner, tt.outer, got)
		}
	}
}

// A key that is not in the file has the line of the nearest section that is.
func TestLineOfMissingKeys(t *testing.T) {
	r, _ := parse("test.yaml", []byte("\ndevice:\n  thing: gw-042\nlinks:\n\n  - name: vpn\n    type: openvpn\n"))
	tests := map[string]int{
		"device": 2, "device.thing": 3, "device.region": 2, "links": 4, "links[0]": 6, "links[0].type": 7,
		"links[0].config": 6, "links[1].name": 4, "endpoint.host": 1, "": 1,
	}
	for path, want := range tests {
		if got := r.line(path); got != want {
			t.Errorf("line(%q) = %d, want %d", path, got, want)
		}
	}
}

func TestPlain(t *testing.T) {
	tests := map[any]string{
		time.Duration(0): "0s", 100 * time.Millisecond: "100ms", time.Minute: "60s", 90 * time.Second: "90s",
		230 * time.Second: "230s", 2 * time.Minute: "2m", time.Hour: "1h", 90 * time.Minute: "90m", 12 * time.Hour: "12h",
		1500 * time.Millisecond: "1.5s", 20: "20", uint16(1): "1",
	}
	for v, want := range tests {
		if got := plain(v); got != want {
			t.Errorf("plain(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestHostPort(t *testing.T) {
	good := []string{"localhost:22", "127.0.0.1:1", "[::1]:65535", "a.b-c.example:22"}
	bad := []string{"", ":", ":22", "localhost", "localhost:", "localhost:0", "localhost:65536", "localhost:ssh",
		"0.0.0.0:22", "[::]:22", "224.0.0.1:22", "::1:22", "a_b:22", "-a:22", "a..b:22", "http://a:22"}
	for _, text := range good {
		if !hostPort(text) {
			t.Errorf("%q refused", text)
		}
	}
	for _, text := range bad {
		if hostPort(text) {
			t.Errorf("%q accepted", text)
		}
	}
}
