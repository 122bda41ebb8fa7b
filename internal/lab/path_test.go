package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

func TestPathComesUp(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	s := snapshot(t, a)
	if s.State != status.OK || s.FixFirst != nil || s.Device != Thing {
		t.Errorf("state %s, fix first %+v, device %q; want ok, nothing, %s", s.State, s.FixFirst, s.Device, Thing)
	}
	facts := []struct{ stage, key, want string }{
		{"link", "link", "vpn"},
		{"link", "type", "openvpn"},
		{"link", "address", "172.31.0.34/27"},
		{"link", "remote", "203.0.113.10:443"},
		{"dns", "servers", "[10.0.0.2]"},
		{"dns", "listen", "127.0.0.153:53"},
		{"dns", "host", "file"},
		{"endpoint", "host", EndpointHost},
		{"endpoint", "addresses", "[10.0.20.107 10.0.6.105]"},
		{"endpoint", "private", "true"},
		{"broker", "client_id", Thing},
		{"broker", "keep_alive_s", "230"},
	}
	for _, f := range facts {
		if got := fmt.Sprint(stage(t, s, f.stage).Facts[f.key]); got != f.want {
			// The two addresses have no order.
			if f.key != "addresses" || got != "[10.0.6.105 10.0.20.107]" {
				t.Errorf("%s: %s is %s, want %s", f.stage, f.key, got, f.want)
			}
		}
	}
	if c := stage(t, s, "tunnel"); c.Reason != status.ReasonIdle {
		t.Errorf("tunnel: %s, want idle", c.Reason)
	}
	if n := brokerLog(t, l, "k230, "); n != 1 {
		t.Errorf("%d sessions with a keepalive of 230 s, want one", n)
	}
	clean(t, l, "coming up")
}

func TestOtherProgramsResolvePrivately(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{})
	private := lookup(t, l, EndpointHost)
	for _, a := range BrokerAddrs {
		if !strings.Contains(private, a.String()) {
			t.Errorf("%s is not among the addresses of the endpoint:\n%s", a, private)
		}
	}
	if got := lookup(t, l, OrdinaryHost); !strings.Contains(got, OrdinaryAddr.String()) {
		t.Errorf("an ordinary name has lost its address: %q", got)
	}
	clean(t, l, "lookups of other programs")
}

func TestOverlappingLAN(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{OverlappingLAN: true})
	s := snapshot(t, a)
	if c := stage(t, s, "link"); fmt.Sprint(c.Facts["address"]) != "172.31.0.34/27" {
		t.Errorf("link: %v", c.Facts)
	}
	if n := brokerLog(t, l, "as "+Thing+" "); n != 1 {
		t.Errorf("%d sessions at the broker of the VPC, want one", n)
	}
	routes, err := l.Device.Run(t.Context(), "ip", "route", "get", overlappingLAN.Gateway.Addr().String())
	must(t, err)
	if !strings.Contains(routes, "dev eth0") {
		t.Errorf("the LAN's own gateway is gone: %s", routes)
	}
	clean(t, l, "in a LAN with the VPC's range")
}

func TestFieldConfigWithUpDownScripts(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{FieldConfig: true})
	a.Stop()
	if _, err := os.Stat(l.ScriptMark()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the config's own script was run: %v", err)
	}
	clean(t, l, "with a config of the field")
}

func TestSplitTunnelServer(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{SplitTunnel: true})
	clean(t, l, "with a server that pushes a route")
}

func TestChangedAddress(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: impatient})
	must(t, l.GiveAddress(netip.MustParseAddr("172.31.0.50")))
	must(t, l.ClientKill(KillRestart))
	_, err := a.Wait(within(t, agentTimeout), "link", "the new address", func(c status.Condition) bool {
		return c.State == status.OK && fmt.Sprint(c.Facts["address"]) == "172.31.0.50/27"
	})
	must(t, err)
	waitOK(t, a)
	// The last word is the broker's: from where does the device talk to it now?
	waitBrokerLog(t, l, "from 172.31.0.50:")
	clean(t, l, "with another address")
}
