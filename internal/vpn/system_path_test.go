package vpn

import (
	"strings"
	"syscall"
	"testing"

	"net/netip"

	"edgeagent/internal/status"
)

// The server gives another address at the reconnect: OpenVPN closes the device
// and makes a new one.
func TestSystemChangedAddress(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "10.100.0.2 ")
	a.do("route 10.0.6.105")
	s.write("ccd/gw-042", "ifconfig-push 10.100.0.77 255.255.252.0\n")
	s.killClient("RESTART")
	a.await("a report that is not usable", func(r told) bool { return r.State != "" && !r.State.Usable() })
	again := a.expect(status.OK, status.ReasonConnected, "10.100.0.77 ")
	if again.Path.Index == up.Path.Index || again.Path.Address.String() != "10.100.0.77/22" {
		t.Errorf("path %+v after %+v", again.Path, up.Path)
	}
	if !s.has("10.0.0.2 dev tun0 proto 158") || !s.has("10.0.6.105 dev tun0 proto 158") {
		t.Errorf("routes:\n%s", s.routes())
	}
}

// The same options again: OpenVPN keeps its device and says nothing of it.
func TestSystemReconnectWithoutUpDown(t *testing.T) {
	s := newSite(t)
	s.write("ccd/gw-042", "ifconfig-push 10.100.0.77 255.255.252.0\n")
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "10.100.0.77 ")
	if err := syscall.Kill(pidOf(up), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	a.await("a report that is not usable", func(r told) bool { return r.State != "" && !r.State.Usable() })
	again := a.expect(status.OK, status.ReasonConnected, "10.100.0.77 ")
	if again.Path.Index != up.Path.Index || pidOf(again) != pidOf(up) {
		t.Errorf("path %+v after %+v", again.Path, up.Path)
	}
}

// The device's own network is the VPC's range: it stays, and what is needed
// in the VPC is reached all the same.
func TestSystemLANOverlap(t *testing.T) {
	s := newSite(t)
	s.ip("-n", s.device, "link", "add", "lan0", "type", "veth", "peer", "name", "lan1")
	s.ip("-n", s.device, "addr", "add", "10.0.77.1/16", "dev", "lan0")
	s.ip("-n", s.device, "link", "set", "lan0", "up")
	s.ip("-n", s.device, "link", "set", "lan1", "up")
	s.link.Routes = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16"), netip.MustParsePrefix("10.1.0.0/16")}
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "")
	a.do("route 10.0.6.105")
	for _, line := range []string{"10.0.0.0/16 dev lan0", "10.1.0.0/16 dev tun0", "10.0.0.2 dev tun0", "10.0.6.105 dev tun0"} {
		if !s.has(line) {
			t.Errorf("no route %q in\n%s", line, s.routes())
		}
	}
	if s.has("10.0.0.0/16 dev tun0") {
		t.Errorf("the LAN is taken away:\n%s", s.routes())
	}
	if w, _ := up.Facts["routes_withheld"].([]any); len(w) != 1 || w[0] != "10.0.0.0/16" {
		t.Errorf("routes_withheld %v", up.Facts["routes_withheld"])
	}
}

func TestSystemFullTunnelKeepsTheServerOnTheUplink(t *testing.T) {
	s := newSite(t)
	s.link.FullTunnel = true
	s.serve()
	a := s.start(s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
	for target, device := range map[string]string{"198.51.100.1": "tun0", "10.0.0.2": "tun0", "203.0.113.10": "eth0", "192.168.50.1": "eth0"} {
		if way := s.ip("-n", s.device, "route", "get", target); !strings.Contains(way, "dev "+device) {
			t.Errorf("%s goes %s", target, way)
		}
	}
	a.stop()
	if strings.Contains(s.routes(), "proto 158") {
		t.Errorf("routes left:\n%s", s.routes())
	}
}

func TestSystemOthersMeddling(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "")
	way := func() bool { return strings.Contains(s.ip("-n", s.device, "route", "get", "10.0.0.2"), "dev tun0") }

	s.ip("-n", s.device, "route", "del", "10.0.0.2")
	until(t, "a deleted route is back", way)
	s.ip("-n", s.device, "route", "replace", "10.0.0.2", "via", "192.168.50.1", "dev", "eth0")
	until(t, "a route that was turned away is back", way)

	s.ip("-n", s.device, "rule", "add", "to", "10.0.0.2", "unreachable")
	degraded := a.expect(status.Degraded, status.ReasonNoRoute, "another program routes 10.0.0.2 elsewhere")
	if degraded.Path == nil {
		t.Error("degraded without a path")
	}
	s.ip("-n", s.device, "rule", "del", "to", "10.0.0.2", "unreachable")
	a.expect(status.OK, status.ReasonConnected, "")

	for what, meddle := range map[string]func(dev string){
		"vanished":         func(dev string) { s.ip("-n", s.device, "link", "del", dev) },
		"lost its address": func(dev string) { s.ip("-n", s.device, "addr", "flush", "dev", dev) },
		"was set down":     func(dev string) { s.ip("-n", s.device, "link", "set", dev, "down") },
		"was renamed":      func(dev string) { s.ip("-n", s.device, "link", "set", dev, "name", "vpn9") },
	} {
		// The next meddling must not come before the agent's back-off is over.
		meddle(up.Path.Device)
		a.expect(status.Down, status.ReasonInterfaceMissing, what)
		up = a.expect(status.OK, status.ReasonConnected, "")
	}
}
