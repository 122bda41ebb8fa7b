package localproxy

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDestinations(t *testing.T) {
	for text, want := range map[string]map[string]Destination{
		"localhost:22":    {"": {"tcp", "localhost:22"}},
		"22":              {"": {"tcp", "localhost:22"}},
		"[::1]:22":        {"": {"tcp", "[::1]:22"}},
		"/run/a.sock":     {"": {"unix", "/run/a.sock"}},
		"./a:b.sock":      {"": {"unix", "./a:b.sock"}},
		"SSH=10.0.0.1:22": {"SSH": {"tcp", "10.0.0.1:22"}},
		" SSH = 22 , VNC = h:5900 ,, SSH=23": {
			"SSH": {"tcp", "localhost:22"}, "VNC": {"tcp", "h:5900"},
		},
		"a:b_c-9=/x": {"a:b_c-9": {"unix", "/x"}},
	} {
		got, err := ParseDestinations(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if diff := cmp.Diff(want, got.services); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestParseDestinationsRefuses(t *testing.T) {
	for text, part := range map[string]string{
		"":                               "want [SERVICE=]host:port",
		"localhost:22,":                  "",
		"22,23":                          "several need names",
		"SSH=22,23":                      "several need names",
		"=22":                            "service name",
		"S H=22":                         "service name",
		strings.Repeat("x", 129) + "=22": "service name",
		"localhost":                      "port from 1 to 65535",
		"0":                              "port from 1 to 65535",
		"65536":                          "port from 1 to 65535",
		"a:b:22":                         "too many colons",
		":22":                            "port from 1 to 65535",
		"SSH=":                           "port from 1 to 65535",
	} {
		_, err := ParseDestinations(text)
		if part == "" && err != nil || part != "" && (err == nil || !strings.Contains(err.Error(), part)) {
			t.Errorf("%q: %v, want %q", text, err, part)
		}
	}
}

func TestDestinationOfAService(t *testing.T) {
	for _, c := range []struct {
		configured, service string
		available           []string
		want                string // "" is none
	}{
		{"SSH=1,VNC=2", "VNC", []string{"SSH", "VNC"}, "localhost:2"},
		{"SSH=1", "VNC", []string{"VNC"}, ""},
		{"9", "SSH", []string{"SSH"}, "localhost:9"},
		{"9", "SSH", nil, "localhost:9"},
		{"9", "SSH", []string{"SSH", "VNC"}, ""}, // nothing says which is meant
	} {
		d, err := ParseDestinations(c.configured)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := d.find(c.service, c.available)
		if got.Address != c.want && ok || ok != (c.want != "") {
			t.Errorf("%+v: %v, %t", c, got, ok)
		}
	}
}

func TestServiceThatAV1PeerMeans(t *testing.T) {
	for _, c := range []struct {
		configured string
		available  []string
		want       string
		ok         bool
	}{
		{"SSH=1", nil, "SSH", true},
		{"9", nil, "", true},
		{"SSH=1,VNC=2", []string{"VNC"}, "VNC", true},
		{"SSH=1,VNC=2", nil, "SSH", false},
		{"SSH=1", []string{"SSH", "VNC"}, "SSH", false},
	} {
		d, err := ParseDestinations(c.configured)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := d.sole(c.available); ok != c.ok || ok && got != c.want {
			t.Errorf("%+v: %q, %t", c, got, ok)
		}
	}
}

func TestReadINI(t *testing.T) {
	got, err := parseINI("# comment\n; too\n\nregion = us-east-1\r\n destination-app=SSH=22,VNC=5900\nempty =\n")
	want := []Setting{{"region", "us-east-1", 4}, {"destination-app", "SSH=22,VNC=5900", 5}, {"empty", "", 6}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
	if _, err := parseINI("ok=1\nsecret-token-alone\n"); err == nil || !strings.HasPrefix(err.Error(), "2: ") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, want line 2 without its text", err)
	}
}

func TestDestinationsOfADirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "more"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"a.ini": "SSH=22\nVNC=10.0.0.1:5900\n", "more/b.ini": "SSH=23\nWEB=/run/web.sock\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d, err := ParseDestinations("WEB=80")
	if err != nil {
		t.Fatal(err)
	}
	if err := d.AddDirectory(dir); err != nil {
		t.Fatal(err)
	}
	want := map[string]Destination{"SSH": {"tcp", "localhost:22"}, "VNC": {"tcp", "10.0.0.1:5900"}, "WEB": {"tcp", "localhost:80"}}
	if diff := cmp.Diff(want, d.services); diff != "" {
		t.Error(diff)
	}
	if err := os.WriteFile(filepath.Join(dir, "c.ini"), []byte("X=nowhere\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := d.AddDirectory(dir); err == nil || !strings.Contains(err.Error(), "c.ini:1: ") {
		t.Errorf("%v, want the file and the line", err)
	}
}
