package tunnel

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var testCredentials = credentials{access: secret, client: strings.Repeat("c", 64)}

// commandOf returns the command line of a command for SSH and VNC.
func commandOf(change func(*Options), p place) command {
	o := testOptions(&logBuffer{})
	o.Executable = "/proc/self/exe"
	if change != nil {
		change(&o)
	}
	return newCommand(o, notification{token: secret, services: []string{"SSH", "VNC"}}, testCredentials, p, 3*time.Hour+time.Millisecond)
}

func TestBuiltinCommand(t *testing.T) {
	const common = "edgeagent localproxy -e data.tunneling.iot.ap-northeast-1.amazonaws.com:443 -d SSH=127.0.0.1:22,VNC=127.0.0.1:5900 "
	two := []netip.Addr{private, netip.MustParseAddr("10.0.20.107")}
	for name, test := range map[string]struct {
		change func(*Options)
		place  place
		want   string
	}{
		"private": {place: place{two, "tun0"}, want: common + "--endpoint-address 10.0.6.105,10.0.20.107 --bind-device tun0 --max-lifetime 3h0m0s"},
		"public":  {place: place{[]netip.Addr{public}, ""}, want: common + "--endpoint-address 198.51.100.7 --max-lifetime 3h0m0s"},
		"own CA": {
			change: func(o *Options) { o.Tunnel.CA = "/etc/ca.pem" }, place: place{two[:1], "ppp0"},
			want: common + "-c /etc/ca.pem --endpoint-address 10.0.6.105 --bind-device ppp0 --max-lifetime 3h0m0s",
		},
	} {
		cmd := commandOf(test.change, test.place)
		if got := strings.Join(cmd.args, " "); got != test.want || cmd.path != "/proc/self/exe" || !cmd.builtin {
			t.Errorf("%s: %s\n got %s\nwant %s", name, cmd.path, got, test.want)
		}
	}
}

// A lifetime that rounds to nothing would mean no limit.
func TestLifetimeIsNeverZero(t *testing.T) {
	o := testOptions(&logBuffer{})
	cmd := newCommand(o, notification{services: []string{"SSH"}}, testCredentials, place{}, 3*time.Millisecond)
	if i := slices.Index(cmd.args, "--max-lifetime"); cmd.args[i+1] != "1s" {
		t.Errorf("--max-lifetime %s", cmd.args[i+1])
	}
}

func TestNamelessDestination(t *testing.T) {
	o := testOptions(&logBuffer{})
	o.Tunnel.Services = map[string]string{"SSH": "127.0.0.1:22"}
	cmd := newCommand(o, notification{services: []string{"SSH"}, nameless: true}, testCredentials, place{}, time.Hour)
	if i := slices.Index(cmd.args, "-d"); cmd.args[i+1] != "127.0.0.1:22" {
		t.Errorf("-d %s", cmd.args[i+1])
	}
}

// The reference program refuses a region together with an endpoint, takes CAs
// as a directory only, and knows none of our own options.
func TestExternalCommand(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	const common = "/opt/localproxy %s -d SSH=127.0.0.1:22,VNC=127.0.0.1:5900 -v 4"
	with := func(endpoint, region, ca string) func(*Options) {
		return func(o *Options) {
			o.Tunnel.Proxy, o.Tunnel.CA, o.Tunnel.Endpoint, o.Region = "/opt/localproxy", ca, endpoint, region
		}
	}
	for name, test := range map[string]struct {
		change    func(*Options)
		want, env string
	}{
		"the region's own":     {with("data.tunneling.iot.eu-west-1.amazonaws.com:443", "eu-west-1", ""), "-r eu-west-1", ""},
		"the region's own, cn": {with("data.tunneling.iot.cn-north-1.amazonaws.com.cn:443", "cn-north-1", ""), "-r cn-north-1", ""},
		"another port":         {with("data.tunneling.iot.eu-west-1.amazonaws.com:8443", "eu-west-1", ""), "-e data.tunneling.iot.eu-west-1.amazonaws.com:8443", ""},
		"another host":         {with("tunnel.example:443", "eu-west-1", ""), "-e tunnel.example:443", ""},
		"CA directory":         {with("tunnel.example:443", "eu-west-1", dir), "-e tunnel.example:443", ""},
		"CA file":              {with("tunnel.example:443", "eu-west-1", file), "-e tunnel.example:443", "SSL_CERT_FILE=" + file},
	} {
		cmd := commandOf(test.change, place{[]netip.Addr{private}, "tun0"})
		want := strings.Replace(common, "%s", test.want, 1)
		if name == "CA directory" {
			want += " -c " + dir
		}
		if got := strings.Join(cmd.args, " "); got != want || cmd.path != "/opt/localproxy" || cmd.builtin {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
		if !slices.Contains(cmd.env, envOldClientToken+"="+testCredentials.client) {
			t.Errorf("%s: no client token for older versions in %q", name, cmd.env)
		}
		if test.env != "" && !slices.Contains(cmd.env, test.env) {
			t.Errorf("%s: no %s in %q", name, test.env, cmd.env)
		}
	}
}

// A web proxy would be a way round the link.
func TestEnvironment(t *testing.T) {
	t.Setenv("PATH", "/usr/bin")
	t.Setenv("HTTPS_PROXY", "http://proxy.example:3128")
	t.Setenv("no_proxy", "localhost")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for a child")
	base := []string{
		"AWSIOT_TUNNEL_ACCESS_TOKEN=" + secret, "AWSIOT_TUNNEL_CLIENT_TOKEN=" + testCredentials.client, "PATH=/usr/bin",
	}
	private := commandOf(nil, place{[]netip.Addr{private}, "tun0"}).env
	if want := append(slices.Clone(base), "EDGEAGENT_EVENTS_FD=3"); !slices.Equal(private, want) {
		t.Errorf("through the link:\n got %q\nwant %q", private, want)
	}
	public := commandOf(nil, place{[]netip.Addr{public}, ""}).env
	want := append(slices.Clone(base), "HTTPS_PROXY=http://proxy.example:3128", "no_proxy=localhost", "EDGEAGENT_EVENTS_FD=3")
	if !slices.Equal(public, want) {
		t.Errorf("through the internet:\n got %q\nwant %q", public, want)
	}
	t.Setenv("PATH", "")
	if env := environment(place{device: "tun0"}); !slices.Equal(env, []string{"PATH=" + defaultPath}) {
		t.Errorf("without PATH: %q", env)
	}
}

func TestMissingProgram(t *testing.T) {
	dir := t.TempDir()
	plain, runnable := filepath.Join(dir, "plain"), filepath.Join(dir, "runnable")
	for path, mode := range map[string]os.FileMode{plain: 0o644, runnable: 0o755} {
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), mode); err != nil {
			t.Fatal(err)
		}
	}
	o := testOptions(&logBuffer{})
	for path, want := range map[string]string{
		"builtin": "", runnable: "", plain: "is not executable", dir: "is not a program", dir + "/none": "no such file",
	} {
		o.Tunnel.Proxy = path
		if err := missingProgram(o.Tunnel); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
}
