package config

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"edgeagent/internal/lab/pki"
)

const minimal = `device: {thing: gw-042, region: ap-northeast-1}
links:
  - {name: vpn, type: openvpn, config: DIR/client.ovpn}
endpoint: {host: xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com}
mqtt: {ca: DIR/ca.pem, cert: DIR/cert.pem, key: DIR/key.pem}
`

// install writes text as a configuration file into a directory that holds the
// files it names, all in order. DIR in text stands for that directory.
func install(t *testing.T, text string) (dir, file string) {
	t.Helper()
	dir = t.TempDir()
	device := issue(t, "gw-042")
	for name, content := range map[string][]byte{
		"ca.pem": device.ca, "cert.pem": device.CertPEM, "key.pem": device.KeyPEM, "client.ovpn": []byte(ovpnText(issue(t, "vpn client"))),
	} {
		write(t, filepath.Join(dir, name), content)
	}
	file = filepath.Join(dir, "edgeagent.yaml")
	write(t, file, []byte(strings.ReplaceAll(text, "DIR", dir)))
	return dir, file
}

func write(t *testing.T, file string, content []byte) {
	t.Helper()
	if err := os.WriteFile(file, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// issued is a certificate with its key, and the CA it is from.
type issued struct {
	*pki.Pair
	ca []byte
}

func issue(t *testing.T, name string) issued {
	t.Helper()
	ca, err := pki.NewCA("CA of " + name)
	if err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Client(name)
	if err != nil {
		t.Fatal(err)
	}
	return issued{pair, ca.CertPEM()}
}

// ovpnText is the file of AWS Client VPN with a certificate and key added.
func ovpnText(i issued) string {
	return "client\ndev tun\nremote cvpn-endpoint-0.prod.clientvpn.ap-northeast-1.amazonaws.com 443\n" +
		"<ca>\n" + string(i.ca) + "</ca>\n<cert>\n" + string(i.CertPEM) + "</cert>\n<key>\n" + string(i.KeyPEM) + "</key>\n"
}

func TestLoad(t *testing.T) {
	dir, file := install(t, minimal)
	got, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	want := filledIn()
	want.Links[0].Config = dir + "/client.ovpn"
	want.MQTT.CA, want.MQTT.Cert, want.MQTT.Key = dir+"/ca.pem", dir+"/cert.pem", dir+"/key.pem"
	if diff := cmp.Diff(want, got, netipValues); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// Faults in files are reported together with those of the file's own text.
func TestLoadFileFaults(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(dir string) error
		add   string
		want  string
	}{
		{"missing", func(dir string) error { return os.Remove(dir + "/client.ovpn") }, "",
			"DIR/edgeagent.yaml:3: links[0].config: DIR/client.ovpn does not exist; accepted: the absolute path of an .ovpn file that no other link uses; put the file there, or correct the path"},
		{"directory", func(dir string) error { os.Remove(dir + "/key.pem"); return os.Mkdir(dir+"/key.pem", 0o700) }, "",
			"DIR/edgeagent.yaml:5: mqtt.key: DIR/key.pem is not a regular file; accepted: the absolute path of a PEM file; put the file there, or correct the path"},
		{"pipe", func(dir string) error { os.Remove(dir + "/ca.pem"); return syscall.Mkfifo(dir+"/ca.pem", 0o600) }, "",
			"DIR/edgeagent.yaml:5: mqtt.ca: DIR/ca.pem is not a regular file; accepted: the absolute path of a PEM file; put the file there, or correct the path"},
		{"parent is a file", func(string) error { return nil }, "tunnel: {ca: DIR/ca.pem/root.pem}\n",
			"DIR/edgeagent.yaml:6: tunnel.ca: DIR/ca.pem/root.pem cannot be opened: not a directory; accepted: the absolute path of a PEM file, or \"\" for the system's roots; put the file there, or correct the path"},
		{"proxy missing", func(string) error { return nil }, "tunnel: {proxy: DIR/localproxy}\n",
			"DIR/edgeagent.yaml:6: tunnel.proxy: DIR/localproxy does not exist; accepted: builtin, or the absolute path of a localproxy program; install the program, or write builtin"},
		{"proxy not executable", func(string) error { return nil }, "tunnel: {proxy: DIR/ca.pem}\n",
			"DIR/edgeagent.yaml:6: tunnel.proxy: DIR/ca.pem is not a program; accepted: builtin, or the absolute path of a localproxy program; write the path of an executable file, or builtin"},
		{"with other faults", func(dir string) error { return os.Remove(dir + "/ca.pem") }, "log: {level: loud}\n",
			"DIR/edgeagent.yaml:5: mqtt.ca: DIR/ca.pem does not exist; accepted: the absolute path of a PEM file; put the file there, or correct the path\n" +
				"DIR/edgeagent.yaml:6: log.level: found \"loud\", not one of the choices; accepted: debug, info, warn or error; write one of them"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, file := install(t, minimal+tt.add)
			if err := tt.spoil(dir); err != nil {
				t.Fatal(err)
			}
			wantFaults(t, file, strings.ReplaceAll(tt.want, "DIR", dir))
		})
	}
}

func wantFaults(t *testing.T, file, want string) {
	t.Helper()
	_, err := Load(file)
	var faults Errors
	if !errors.As(err, &faults) {
		t.Fatalf("got %v, want Errors", err)
	}
	if diff := cmp.Diff(want, faults.Error()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadDefaultFileMissing(t *testing.T) {
	_, file := install(t, strings.Replace(minimal, "mqtt: {ca: DIR/ca.pem, ", "mqtt: {", 1))
	if _, err := os.Stat(Default().MQTT.CA); err == nil {
		t.Skip("this machine has " + Default().MQTT.CA)
	}
	wantFaults(t, file, file+":5: mqtt.ca: the default /etc/edgeagent/certs/AmazonRootCA1.pem does not exist; accepted: the absolute path of a PEM file; put the file there, or correct the path")
}

func TestLoadWithoutConfigFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "edgeagent.yaml")
	wantFaults(t, file, file+": does not exist; accepted: a YAML file; copy the shipped minimal.yaml there and fill it in, or name another file")
}

func TestLoadHugeFile(t *testing.T) {
	_, file := install(t, strings.Repeat("# a comment\n", maxFileBytes/12+1))
	wantFaults(t, file, file+": the file is larger than 1 MiB; accepted: a text file of a few KB; name the right file")
}

// A disabled tunnel needs neither its proxy nor its roots.
func TestLoadDisabledTunnel(t *testing.T) {
	_, file := install(t, minimal+"tunnel: {enabled: false, proxy: /no/such/proxy, ca: /no/such/ca, services: {}}\n")
	if _, err := Load(file); err != nil {
		t.Error(err)
	}
}

func TestDerivedDefaults(t *testing.T) {
	tests := []struct {
		name, text string
		change     func(*Config)
	}{
		{"client id", "mqtt: {client_id: other}", func(c *Config) { c.MQTT.ClientID = "other" }},
		{"suspect interval follows a short interval", "probe: {interval: 5s}",
			func(c *Config) { c.Probe.Interval, c.Probe.SuspectInterval = 5e9, 5e9 }},
		{"domains in small letters", "resolver: {domains: [AmazonAWS.com]}", func(*Config) {}},
		{"endpoint outside the domains", "resolver: {domains: [example.com]}",
			func(c *Config) { c.Resolver.Domains = []string{"example.com", endpointHost} }},
		{"a domain that only looks like the endpoint's", "resolver: {domains: [onaws.com]}",
			func(c *Config) { c.Resolver.Domains = []string{"onaws.com", endpointHost} }},
		{"all domains", "resolver: {domains: [\".\"]}", func(c *Config) { c.Resolver.Domains = []string{"."} }},
		{"services replace the default", "tunnel: {services: {VNC: \"localhost:5900\"}}",
			func(c *Config) { c.Tunnel.Services = map[string]string{"VNC": "localhost:5900"} }},
		{"empty section", "tunnel:", func(*Config) {}},
		{"alias", "mqtt: {client_id: &n gw-042, status_topic: *n}", func(c *Config) { c.MQTT.StatusTopic = "gw-042" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			want := filledIn()
			tt.change(&want)
			got, err := Parse("test.yaml", append(shipped(t, "minimal.yaml"), tt.text...))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got, netipValues); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestChina(t *testing.T) {
	text := strings.ReplaceAll(string(shipped(t, "minimal.yaml")), "ap-northeast-1.amazonaws.com", "cn-north-1.amazonaws.com.cn")
	c, err := Parse("test.yaml", []byte(strings.ReplaceAll(text, "ap-northeast-1", "cn-north-1")))
	if err != nil {
		t.Fatal(err)
	}
	if want := "data.tunneling.iot.cn-north-1.amazonaws.com.cn:443"; c.Tunnel.Endpoint != want {
		t.Errorf("tunnel endpoint %q, want %q", c.Tunnel.Endpoint, want)
	}
	if want := []string{"amazonaws.com.cn"}; !cmp.Equal(want, c.Resolver.Domains) {
		t.Errorf("domains %q, want %q", c.Resolver.Domains, want)
	}
}

func TestDerivedRoutes(t *testing.T) {
	prefix := netip.MustParsePrefix
	const own = "links: [{name: vpn, type: openvpn, config: /a.ovpn, routes: [10.9.0.0/16]}]\n"
	tests := []struct {
		name, links, endpoint string
		want                  []netip.Prefix
	}{
		{"none by default", "", "", nil},
		{"none for an empty list", "", ", private_cidrs: []", nil},
		{"the ranges given", "", ", private_cidrs: [10.0.0.0/16, 10.1.0.0/16]", []netip.Prefix{prefix("10.0.0.0/16"), prefix("10.1.0.0/16")}},
		{"the link's own first", own, ", private_cidrs: [10.0.0.0/16]", []netip.Prefix{prefix("10.9.0.0/16")}},
		{"never the default ranges, though written out", "",
			", private_cidrs: [10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 100.64.0.0/10]", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.links == "" {
				tt.links = "links: [{name: vpn, type: openvpn, config: /a.ovpn}]\n"
			}
			c, err := Parse("test.yaml", []byte("device: {thing: gw-042, region: ap-northeast-1}\n"+
				tt.links+"endpoint: {host: a.example.com"+tt.endpoint+"}\n"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, c.Links[0].Routes, netipValues); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
