package vpn

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"
)

func TestSystemConnectsAndCleansUp(t *testing.T) {
	s := newSite(t)
	s.serve()
	before := s.routes()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "vpn (openvpn) on tun0, 10.100.0.2 to 203.0.113.10")
	if up.Path == nil || up.Path.Device != "tun0" || up.Path.Address.String() != "10.100.0.2/22" || up.Path.Servers[0] != addr("10.0.0.2") {
		t.Errorf("path %+v", up.Path)
	}
	if f := up.Facts; f["remote"] != "203.0.113.10:443" || f["device"] != "tun0" || f["address"] != "10.100.0.2/22" || f["mtu"] != 1500.0 {
		t.Errorf("facts %v", f)
	}
	if !s.has("10.0.0.2 dev tun0 proto 158") || s.has("0.0.0.0/1") || !s.has("default via 192.168.50.1 dev eth0") {
		t.Errorf("routes:\n%s", s.routes())
	}
	if got := a.do("route 10.0.6.105 10.0.20.107"); !strings.HasSuffix(got, "<nil>") || !s.has("10.0.20.107 dev tun0 proto 158") {
		t.Errorf("%s; routes:\n%s", got, s.routes())
	}
	if info, err := os.Stat(s.path("run/openvpn/vpn.conf")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the sanitised file: %v, %v", info, err)
	}
	a.stop()
	if after := s.routes(); after != before {
		t.Errorf("routes before\n%s\nand after\n%s", before, after)
	}
	if alive(pidOf(up)) || strings.Contains(s.ip("-n", s.device, "link"), "tun0") {
		t.Error("openvpn or its device is still there")
	}
	if left, _ := filepath.Glob(s.path("run/vpn.*")); len(left) > 0 {
		t.Errorf("files left: %v", left)
	}
}

// A field set-up: scripts for DNS, a log file, privileges dropped, files beside it.
func TestSystemFieldConfigRunsNoScripts(t *testing.T) {
	s := newSite(t)
	s.serve()
	s.write("keys/gw.crt", s.clientPair.cert)
	s.write("keys/gw.key", s.clientPair.key)
	s.write("keys/ca.crt", s.ca.pem)
	s.write("script", "#!/bin/sh\ntouch "+s.path("script-ran")+"\n")
	if err := os.Chmod(s.path("script"), 0o755); err != nil {
		t.Fatal(err)
	}
	a := s.start("client\r\ndev tun\r\nproto udp\r\nremote vpn.example 443\r\nremote-random-hostname\r\nnobind\r\nverb 1\r\n" +
		"ca keys/ca.crt\ncert keys/gw.crt\nkey \"keys/gw.key\"\nremote-cert-tls server\n" +
		"daemon\nuser nobody\ngroup nogroup\nlog-append openvpn.log\nstatus openvpn.status\nwritepid openvpn.pid\n" +
		"script-security 2\nup " + s.path("script") + "\ndown " + s.path("script") + "\ndown-pre\nroute-up " + s.path("script") + "\nipchange " + s.path("script") + "\n" +
		"management 127.0.0.1 7505\nblock-outside-dns\nredirect-gateway def1\n")
	a.expect(status.OK, status.ReasonConnected, "tun0")
	a.stop()
	for _, name := range []string{"script-ran", "openvpn.log", "openvpn.status", "openvpn.pid"} {
		if _, err := os.Stat(s.path(name)); err == nil {
			t.Errorf("%s was made", name)
		}
	}
	if log, _ := os.ReadFile(s.path("agent.log")); strings.Count(string(log), "lines of the OpenVPN file are left out") != 1 || !strings.Contains(string(log), ": up,") {
		t.Error("the log does not say once which lines were left out")
	}
}

func TestSystemKilledOpenVPNIsReplaced(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "")
	if err := syscall.Kill(pidOf(up), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	a.expect(status.Down, status.ReasonProcessExited, "signal 9")
	again := a.expect(status.OK, status.ReasonConnected, "")
	t.Logf("up again %v after SIGKILL", time.Since(killed).Round(10*time.Millisecond))
	if pidOf(again) == pidOf(up) {
		t.Error("the same pid")
	}
}

func TestSystemRestartOnRequest(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	up := a.expect(status.OK, status.ReasonConnected, "")
	if got := a.do("restart"); !strings.HasSuffix(got, "<nil>") {
		t.Error(got)
	}
	if again := a.expect(status.OK, status.ReasonConnected, ""); pidOf(again) == pidOf(up) {
		t.Error("the same pid")
	}
}

// The agent dies without a word; OpenVPN lives on without it. The next agent
// ends it, and takes away a route that its own OpenVPN could not.
func TestSystemLeftoverOfAKilledAgent(t *testing.T) {
	s := newSite(t)
	s.link.FullTunnel = true // leaves a route on the uplink
	s.serve()
	first := s.start(s.awsFile(""))
	up := first.expect(status.OK, status.ReasonConnected, "")
	first.kill()
	if !alive(pidOf(up)) || !s.has("203.0.113.10 via 192.168.50.1 dev eth0 proto 158") {
		t.Fatalf("this test needs what a killed agent leaves; routes:\n%s", s.routes())
	}
	s.link.FullTunnel = false
	second := s.start("")
	again := second.expect(status.OK, status.ReasonConnected, "")
	if alive(pidOf(up)) {
		t.Error("the left-over openvpn lives on")
	}
	if s.has("203.0.113.10 ") || s.has("0.0.0.0/1 ") || !s.has("10.0.0.2 dev tun0 proto 158") {
		t.Errorf("routes:\n%s", s.routes())
	}
	if again.Path.Device != "tun0" {
		t.Errorf("path %+v: the old device was not gone", again.Path)
	}
}

func TestSystemServersWords(t *testing.T) {
	t.Run("RESTART", func(t *testing.T) {
		s := newSite(t)
		s.serve()
		a := s.start(s.awsFile(""))
		a.expect(status.OK, status.ReasonConnected, "")
		s.killClient("RESTART")
		a.expect(status.Down, status.ReasonConnecting, "asked for a new connection")
		a.expect(status.OK, status.ReasonConnected, "")
	})
	t.Run("HALT", func(t *testing.T) {
		s := newSite(t)
		s.serve()
		a := s.start(s.awsFile(""))
		a.expect(status.OK, status.ReasonConnected, "")
		s.killClient("HALT")
		a.expect(status.Down, status.ReasonServerHalt, "next try at")
	})
	t.Run("AUTH_FAILED", func(t *testing.T) {
		s := newSite(t)
		s.serve()
		s.write("ccd/gw-042", "disable\n")
		a := s.start(s.awsFile(""))
		a.expect(status.Down, status.ReasonAuthFailed, "the VPN server refuses this device")
		// Let in again: the wait is long, but a person need not bear it.
		s.write("ccd/gw-042", "")
		a.do("restart")
		a.expect(status.OK, status.ReasonConnected, "")
	})
}
