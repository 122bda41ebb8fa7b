package resolver

import (
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// The deadlock: the stub is the only resolver, the link is down, and the VPN's
// name must be found to bring it up.
func TestTheVPNIsFoundWhileTheLinkIsDown(t *testing.T) {
	if !inside() {
		onTheDevice(t)
		return
	}
	s := newSystem(t)
	for _, name := range []string{vpnHost, "a1b2c3." + vpnHost} {
		if got := getent(name); !slices.Equal(got, []string{"203.0.113.66"}) {
			t.Errorf("%s: %v", name, got)
		}
		if got, err := s.stub.LookupUplink(t.Context(), name); err != nil || len(got) != 1 {
			t.Errorf("LookupUplink %s: %v, %v", name, got, err)
		}
	}
	sibling := "cvpn-endpoint-ffff.prod.clientvpn.ap-northeast-1.amazonaws.com"
	if got := getent(sibling); len(got) != 0 {
		t.Errorf("%s: %v", sibling, got)
	}
	if got := s.uplink.heard(); !slices.Equal(got, []string{"a1b2c3." + vpnHost + ".", vpnHost + "."}) {
		t.Errorf("the uplink heard %v", got)
	}
}

// What the C library does decides everything: on an error it turns to the next
// server, on NODATA it does not.
func TestTheCLibraryKeepsPrivateNamesIn(t *testing.T) {
	if !inside() {
		onTheDevice(t)
		return
	}
	s := newSystem(t)
	// Somebody has added a public server behind the stub.
	conf := "nameserver 127.0.0.153\nnameserver 127.0.0.8\nsearch lan\noptions edns0\n"
	_ = os.Remove("/etc/resolv.conf")
	writeTestFile(t, "/etc/resolv.conf", conf)

	python := func(name string) string {
		out, _ := exec.Command("/usr/bin/python3", "-c",
			"import socket,sys\ntry: print(socket.getaddrinfo(sys.argv[1],None))\nexcept socket.gaierror as e: print('none')", name).Output()
		return strings.TrimSpace(string(out))
	}
	_, noPython := os.Stat("/usr/bin/python3")
	for _, name := range []string{privateHost, privateHost + ".", "no-such.amazonaws.com", "refused.amazonaws.com"} {
		if got := getent(name); len(got) != 0 {
			t.Errorf("link down: %s: %v", name, got)
		}
		if got := python(name); noPython == nil && got != "none" {
			t.Errorf("link down: python finds %s: %s", name, got)
		}
	}
	s.up()
	awaitAddrs(t, privateHost, "10.0.20.107", "10.0.6.105")
	for _, name := range []string{"no-such.iot.ap-northeast-1.amazonaws.com", "x.refused.amazonaws.com"} {
		if got := getent(name); len(got) != 0 {
			t.Errorf("link up: %s: %v", name, got)
		}
	}
	s.stub.SetPath(nil)
	awaitAddrs(t, privateHost)
	if got := append(s.public.heard(), s.uplink.heard()...); len(got) != 0 {
		t.Errorf("public servers heard %v", got)
	}

	// The other way round, to see that this test would notice.
	_ = os.Remove("/etc/resolv.conf")
	writeTestFile(t, "/etc/resolv.conf", strings.Replace(conf, "127.0.0.153", "127.0.0.154", 1))
	r := newStubRig(t)
	r.config.Listen = netip.MustParseAddrPort("127.0.0.154:53")
	r.names.domains = nil
	r.net.set(uplinkServer, failing(dns.RcodeServerFailure))
	r.serve(t)
	if got := getent(privateHost); !slices.Equal(got, []string{"203.0.113.66"}) {
		t.Errorf("a stub that answers SERVFAIL: %v, want the public address", got)
	}
}

func TestDigAgainstARealResolver(t *testing.T) {
	if !inside() {
		onTheDevice(t)
		return
	}
	s := newSystem(t)
	dig := func(args ...string) string {
		return command(t, "dig", append([]string{"+time=10", "+tries=1", "@127.0.0.153"}, args...)...)
	}
	contains := func(out string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(out, w) {
				t.Errorf("no %q in:\n%s", w, out)
			}
		}
	}
	contains(dig(privateHost, "A"), "status: NOERROR", "ANSWER: 0", "EDE: 23 (Network Error)", "the VPN server does not answer", "SOA")
	s.up()
	awaitAddrs(t, privateHost, "10.0.20.107", "10.0.6.105") // unbound is there
	contains(dig(privateHost, "A"), "status: NOERROR", "10.0.6.105", "10.0.20.107", "udp: 1232")
	contains(dig("+tcp", privateHost, "A"), "10.0.6.105")
	contains(dig("+noedns", privateHost, "A"), "10.0.6.105")
	contains(dig("+dnssec", "+cd", strings.ToUpper(privateHost), "A"), "10.0.6.105")
	contains(dig("big.iot.amazonaws.com", "A"), "Truncated, retrying in TCP mode", "ANSWER: 120")
	contains(dig("no-such.iot.ap-northeast-1.amazonaws.com", "A"), "status: NXDOMAIN", "SOA")
	contains(dig("x.refused.amazonaws.com", "A"), "status: NOERROR", "ANSWER: 0", "EDE: 22", "REFUSED")
	contains(dig("www.example.com", "A"), "203.0.113.66")
	contains(dig("version.bind", "CH", "TXT"), "status: REFUSED")
	contains(dig("-x", "127.0.0.1"), "localhost.")
	if got := s.uplink.heard(); !slices.Equal(got, []string{"www.example.com."}) {
		t.Errorf("the uplink heard %v", got)
	}
}
