package vpn

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// handshake makes OpenVPN give a handshake up after 3 s instead of 60.
const handshake = "hand-window 3\ntls-timeout 1\n"

func TestSystemCertificates(t *testing.T) {
	client := func(begin, end time.Duration) func(*site) {
		return func(s *site) { s.clientPair = s.ca.issue("gw-042", x509.ExtKeyUsageClientAuth, begin, end) }
	}
	server := func(begin, end time.Duration) func(*site) {
		return func(s *site) { s.serverPair = s.ca.issue("vpn.example", x509.ExtKeyUsageServerAuth, begin, end) }
	}
	tests := []struct {
		name   string
		break_ func(*site)
		reason status.Reason
		detail string
	}{
		{"client expired", client(-2*day, -day), status.ReasonCertExpired, "client certificate expired on "},
		{"client not yet valid", client(day, 2*day), status.ReasonCertNotYetValid, "certificate not yet valid: it begins on "},
		{"client of another CA", func(s *site) { s.clientPair = newAuthority(s.t, "rogue").client() },
			status.ReasonCertRejected, "203.0.113.10:443 fell silent after it was shown the client certificate"},
		{"key of another certificate", func(s *site) { s.clientPair.key = s.ca.client().key },
			status.ReasonCertRejected, "the private key does not belong to the client certificate"},
		{"server expired", server(-2*day, -day), status.ReasonServerCert, "the server's certificate has expired (CN=vpn.example"},
		{"server not yet valid", server(day, 2*day), status.ReasonServerCert, "this device's clock is behind"},
		{"server of another CA", func(s *site) { s.serverPair = newAuthority(s.t, "rogue").server() },
			status.ReasonServerCert, "is not from the CA in the OpenVPN file"},
		{"server of another name", func(s *site) {
			s.serverPair = s.ca.issue("other.example", x509.ExtKeyUsageServerAuth, -day, day)
		}, status.ReasonServerCert, "bears another name"},
		{"server with a client's certificate", func(s *site) { s.serverPair = s.ca.client() }, status.ReasonServerCert, "not one of a VPN server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSite(t)
			tt.break_(s)
			s.serve()
			a := s.start(s.awsFile(handshake))
			a.expect(status.Down, tt.reason, tt.detail)
			// What was wrong is put right while the agent waits.
			if strings.HasPrefix(tt.name, "client expired") {
				s.clientPair = s.ca.client()
				s.write("client.ovpn", s.awsFile(""))
				a.expect(status.OK, status.ReasonConnected, "")
			}
		})
	}
}

func TestSystemNameDoesNotResolve(t *testing.T) {
	s := newSite(t)
	s.serve()
	s.write("names", "")
	a := s.start(s.awsFile(""))
	a.expect(status.Down, status.ReasonNoName, "the VPN server's name does not resolve: looking up vpn.example: no such name")
	s.write("names", "*.vpn.example 203.0.113.10\n")
	a.expect(status.OK, status.ReasonConnected, "")
}

// The first address of the name is dead: the next one is tried.
func TestSystemAddressesTakeTurns(t *testing.T) {
	s := newSite(t)
	s.serve()
	s.ip("-n", s.server, "addr", "add", "203.0.113.77/32", "dev", "lo")
	s.write("names", "*.vpn.example 203.0.113.77 203.0.113.10\n")
	a := s.start(s.awsFile(""))
	a.expect(status.Down, status.ReasonNoAnswer, "203.0.113.77:443 refuses: no VPN server listens there")
	a.expect(status.OK, status.ReasonConnected, "to 203.0.113.10")
}

func TestSystemTunCannotBeOpened(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile("dev-node /nonexistent/tun\n"))
	down := a.expect(status.Down, status.ReasonTunUnavailable, "Cannot open TUN/TAP dev /nonexistent/tun: No such file or directory")
	if !strings.Contains(down.Hint, "modprobe tun") {
		t.Errorf("hint %q", down.Hint)
	}
}

func TestSystemBadOptionIsNamedWithItsLine(t *testing.T) {
	s := newSite(t)
	s.write("names", "vpn.example 203.0.113.10\n*.vpn.example 203.0.113.10\n")
	a := s.start("client\ndev tun\n# the fourth line is wrong\nno-such-option 7\nremote vpn.example 443\n" +
		inline("ca", s.ca.pem) + inline("cert", s.clientPair.cert) + inline("key", s.clientPair.key))
	a.expect(status.Down, status.ReasonBadConfig, "/vpn.conf:4: no-such-option")
	s.serve()
	s.write("client.ovpn", s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
}

// Both ways are cut for long enough that OpenVPN itself gives up as well.
func TestSystemBlackHole(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
	s.nft("add", "table", "ip", "hole")
	s.nft("add", "chain", "ip", "hole", "in", "{ type filter hook prerouting priority -300; }")
	s.nft("add", "chain", "ip", "hole", "out", "{ type filter hook output priority -300; }")
	s.nft("add", "rule", "ip", "hole", "in", "udp", "dport", "443", "drop")
	s.nft("add", "rule", "ip", "hole", "out", "udp", "sport", "443", "drop")
	cut := time.Now()
	a.expect(status.Down, status.ReasonNoAnswer, "nothing from 203.0.113.10:443 since ")
	t.Logf("a black hole is told after %v", time.Since(cut).Round(10*time.Millisecond))
	a.expect(status.Down, status.ReasonNoAnswer, "203.0.113.10:443 does not answer; the uplink is there (eth0 via 192.168.50.1)")
	s.nft("delete", "table", "ip", "hole")
	lifted := time.Now()
	a.expect(status.OK, status.ReasonConnected, "")
	t.Logf("up %v after it was lifted", time.Since(lifted).Round(10*time.Millisecond))
}

func TestSystemUplinkGoesAndComesBack(t *testing.T) {
	s := newSite(t)
	s.serve()
	a := s.start(s.awsFile(""))
	a.expect(status.OK, status.ReasonConnected, "")
	s.ip("-n", s.device, "link", "set", "eth0", "down")
	a.expect(status.Down, status.ReasonNoUplink, "eth0 via 192.168.50.1 is gone, and there is no other way out")
	s.ip("-n", s.device, "link", "set", "eth0", "up")
	s.ip("-n", s.device, "route", "add", "default", "via", "192.168.50.1")
	a.expect(status.OK, status.ReasonConnected, "")
}
