package main

import (
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"edgeagent/internal/lab/pki"
	"edgeagent/internal/localproxy"
)

// parseLocalproxy makes a Config of a command line and an environment.
func parseLocalproxy(t *testing.T, env map[string]string, args ...string) (localproxy.Config, error) {
	t.Helper()
	var o proxyOptions
	cmd := &cobra.Command{}
	o.bind(cmd)
	if err := cmd.ParseFlags(args); err != nil {
		return localproxy.Config{}, err
	}
	if err := o.readConfig(cmd); err != nil {
		return localproxy.Config{}, err
	}
	return o.proxyConfig(env, slog.New(slog.DiscardHandler))
}

func TestLocalproxyTakesTheReferenceSpelling(t *testing.T) {
	for _, args := range [][]string{
		{"-r", "eu-west-1", "-d", "SSH=localhost:22,VNC=5900", "-t", "tok", "-i", "cli", "-b", "127.0.0.1", "-v", "5", "-k", "-m", "dst"},
		{"--region", "eu-west-1", "--destination-app", "SSH=localhost:22,VNC=5900", "--access-token", "tok", "--client-token", "cli",
			"--local-bind-address", "127.0.0.1", "--verbose", "5", "--no-ssl-host-verify", "--mode", "destination", "-y", "V1"},
		{"--region=eu-west-1", "-dSSH=localhost:22", "-d", "VNC=5900", "-t=tok", "-i", "cli", "-b127.0.0.1", "-v5", "-k"},
	} {
		cfg, err := parseLocalproxy(t, nil, args...)
		if err != nil {
			t.Errorf("%q: %v", args, err)
			continue
		}
		if cfg.Endpoint != "data.tunneling.iot.eu-west-1.amazonaws.com:443" || cfg.AccessToken != "tok" || cfg.ClientToken != "cli" ||
			!cfg.NoVerify || !cfg.LocalAddress.Equal(net.IPv4(127, 0, 0, 1)) || !slices.Equal(cfg.Destinations.Services(), []string{"SSH", "VNC"}) {
			t.Errorf("%q: %+v", args, cfg)
		}
	}
}

func TestLocalproxyEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"Tunnel.Example.com":      "tunnel.example.com:443",
		"tunnel.example.com:8443": "tunnel.example.com:8443",
		"[::1]:8443":              "[::1]:8443",
		"[::1]":                   "[::1]:443",
	} {
		cfg, err := parseLocalproxy(t, nil, "-e", endpoint, "-d", "22")
		if err != nil || cfg.Endpoint != want {
			t.Errorf("%s: %s, %v, want %s", endpoint, cfg.Endpoint, err, want)
		}
	}
}

// The command line wins over --config, which wins over the environment.
func TestLocalproxyPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config.ini")
	text := "# a comment\nregion = eu-west-1\naccess-token = from-file\nclient-token = from-file\ndestination-app = SSH=22,VNC=5900\nmax-lifetime = 1h\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{envAccessToken: "from-env", envClientToken: "from-env", envRegion: "us-east-1"}
	cfg, err := parseLocalproxy(t, env, "--config", file, "-t", "from-line")
	if err != nil {
		t.Fatal(err)
	}
	if cfg.AccessToken != "from-line" || cfg.ClientToken != "from-file" || !strings.Contains(cfg.Endpoint, "eu-west-1") ||
		cfg.MaxLifetime != time.Hour || len(cfg.Destinations.Services()) != 2 {
		t.Errorf("%+v", cfg)
	}
	cfg, err = parseLocalproxy(t, env, "-d", "22")
	if err != nil || cfg.AccessToken != "from-env" || !strings.Contains(cfg.Endpoint, "us-east-1") {
		t.Errorf("%+v, %v", cfg, err)
	}
}

func TestLocalproxyRefuses(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	for _, c := range []struct {
		part string
		args []string
	}{
		{"source mode is not supported", []string{"-s", "5000", "-r", "us-east-1"}},
		{"source mode is not supported", []string{"-m", "src", "-r", "us-east-1"}},
		{"--mode", []string{"-m", "both", "-r", "us-east-1", "-d", "22"}},
		{"one of --region and --proxy-endpoint", []string{"-d", "22"}},
		{"one of --region and --proxy-endpoint", []string{"-d", "22", "-r", "us-east-1", "-e", "x"}},
		{"us-east-1 is wanted", []string{"-d", "22", "-r", "nowhere"}},
		{"want --destination-app", []string{"-r", "us-east-1"}},
		{"port from 1 to 65535", []string{"-r", "us-east-1", "-d", "SSH=host"}},
		{"want an IP address", []string{"-r", "us-east-1", "-d", "22", "-b", "eth0"}},
		{"no such file", []string{"-r", "us-east-1", "-d", "22", "-c", filepath.Join(dir, "none")}},
		{"none in PEM", []string{"-r", "us-east-1", "-d", "22", "-c", write("empty.pem", "nothing")}},
		{"not supported", []string{"-r", "us-east-1", "-d", "22", "--settings-json", "x"}},
		{"a.ini:2: unknown option", []string{"--config", write("a.ini", "region = us-east-1\nregoin = x\n")}},
		{"b.ini:1: option verbose", []string{"--config", write("b.ini", "verbose = loud\n")}},
		{"c.ini:1: want key=value", []string{"--config", write("c.ini", "secret\n")}},
		{"no such file", []string{"--config", filepath.Join(dir, "none.ini")}},
	} {
		_, err := parseLocalproxy(t, nil, c.args...)
		var exit interface{ ExitCode() int }
		if err == nil || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%q: %v, want %q", c.args, err, c.part)
		} else if !errors.As(err, &exit) || exit.ExitCode() != exitUsage {
			t.Errorf("%q: %v is not a usage error", c.args, err)
		}
	}
}

func TestLocalproxyRoots(t *testing.T) {
	ca, err := pki.NewCA("one")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, err := ca.WriteCert(dir, "5ad8a5d6.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "README"), []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	alone, err := parseLocalproxy(t, nil, "-r", "us-east-1", "-d", "22", "-c", file)
	if err != nil {
		t.Fatal(err)
	}
	if !alone.Roots.Equal(ca.Pool()) {
		t.Error("a file is not trusted alone")
	}
	beside, err := parseLocalproxy(t, nil, "-r", "us-east-1", "-d", "22", "-c", dir)
	if err != nil {
		t.Fatal(err)
	}
	system, err := x509.SystemCertPool()
	if err != nil {
		system = x509.NewCertPool()
	}
	system.AddCert(ca.Cert())
	if !beside.Roots.Equal(system) {
		t.Error("a directory is not trusted beside the system's roots")
	}
}

// The man page and --help tell every option and every exit status.
func TestLocalproxyIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/man/edgeagent-localproxy.1")
	if err != nil {
		t.Fatal(err)
	}
	cmd := newLocalproxyCommand()
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Hidden || f.Name == "help" {
			return
		}
		escaped := `\-\-` + strings.ReplaceAll(f.Name, "-", `\-`)
		if !strings.Contains(string(page), escaped) || f.Usage == "" {
			t.Errorf("--%s is missing in the man page or in --help", f.Name)
		}
	})
	for code := range 20 {
		inHelp := regexp.MustCompile(`(?m)^ +` + strconv.Itoa(code) + `  \S`).MatchString(cmd.Long)
		inPage := strings.Contains(string(page), "\n.B "+strconv.Itoa(code)+"\n")
		if known := code <= 2 || code >= localproxy.ExitDenied && code <= localproxy.ExitWebProxy; inHelp != known || inPage != known {
			t.Errorf("exit status %d: in --help %t, in the man page %t, want %t", code, inHelp, inPage, known)
		}
	}
}
