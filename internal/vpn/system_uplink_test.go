package vpn

import (
	"os"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// said counts the lines of the agent's log that hold part.
func (s *site) said(part string) int {
	data, _ := os.ReadFile(s.path("agent.log"))
	return strings.Count(string(data), part)
}

// plugDuringAnAttempt gives the device its way out just after OpenVPN was
// released: it is on its way to its first packet then.
func (s *site) plugDuringAnAttempt() time.Time {
	s.t.Helper()
	const released = "CMD 'hold release'"
	before := s.said(released)
	until(s.t, "another attempt", func() bool { return s.said(released) > before })
	s.ip("-n", s.device, "link", "set", "eth0", "up")
	s.ip("-n", s.device, "route", "replace", "default", "via", "192.168.50.1")
	return time.Now()
}

// noPause fails the test if OpenVPN waited where it should have held.
func (s *site) noPause() {
	s.t.Helper()
	for _, line := range []string{"Restart pause", "SIGHUP"} {
		if n := s.said(line); n > 0 {
			s.t.Errorf("%q is in the agent's log %d times", line, n)
		}
	}
}

// A device at boot: the agent is there before the network is.
func TestSystemUplinkAppearsDuringTheFirstConnect(t *testing.T) {
	s := newSite(t)
	s.serve()
	s.ip("-n", s.device, "link", "set", "eth0", "down")
	a := s.start(s.awsFile(""))
	plugged := s.plugDuringAnAttempt()
	a.expect(status.OK, status.ReasonConnected, "")
	t.Logf("up %v after the uplink appeared", time.Since(plugged).Round(10*time.Millisecond))
	s.noPause()
}

// The uplink goes for longer than OpenVPN waits for pings, so that it has begun
// anew when the uplink returns.
func TestSystemUplinkReturnsDuringAReconnect(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
	s.ip("-n", s.device, "link", "set", "eth0", "down")
	a.expect(status.Down, status.ReasonNoUplink, "there is no route to 203.0.113.10:443")
	plugged := s.plugDuringAnAttempt()
	a.expect(status.OK, status.ReasonConnected, "")
	t.Logf("up %v after the uplink returned", time.Since(plugged).Round(10*time.Millisecond))
	s.noPause()
}

// The cable is pulled, which leaves the routes: OpenVPN sends into nowhere.
func TestSystemCarrierReturns(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
	s.ip("-n", s.server, "link", "set", "eth0", "down")
	a.expect(status.Down, status.ReasonNoUplink, "this device has no way out")
	s.ip("-n", s.server, "link", "set", "eth0", "up")
	plugged := time.Now()
	a.expect(status.OK, status.ReasonConnected, "")
	t.Logf("up %v after the carrier returned", time.Since(plugged).Round(10*time.Millisecond))
	s.noPause()
}
