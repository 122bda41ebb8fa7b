package check

import (
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
	"edgeagent/internal/resolver"
)

// ownNetworkEnv tells a copy of this test that the network is its own.
const ownNetworkEnv = "EDGEAGENT_CHECK_TEST_NETWORK"

// inOwnNetwork runs the test again as a process with an empty network of its own,
// and is true in there.
func inOwnNetwork(t *testing.T) bool {
	t.Helper()
	if os.Getenv(ownNetworkEnv) == t.Name() {
		up(t, "lo")
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network of its own")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+t.Name()+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), ownNetworkEnv+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return false
}

func up(t *testing.T, device string) netlink.Link {
	t.Helper()
	link, err := netlink.LinkByName(device)
	if err != nil {
		t.Fatal(err)
	}
	must(t, netlink.LinkSetUp(link))
	return link
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// cable makes eth0, whose other end is up if it is plugged in.
func cable(t *testing.T, plugged bool) netlink.Link {
	t.Helper()
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "far"}))
	if plugged {
		up(t, "far")
	}
	return up(t, "eth0")
}

func address(t *testing.T, link netlink.Link, text string) {
	t.Helper()
	a, err := netlink.ParseAddr(text)
	must(t, err)
	must(t, netlink.AddrReplace(link, a))
}

// route leads to a prefix by a device; protocol 0 is nobody's.
func route(t *testing.T, link netlink.Link, prefix, gateway string, protocol netlink.RouteProtocol) {
	t.Helper()
	r := &netlink.Route{LinkIndex: link.Attrs().Index, Protocol: protocol, Gw: net.ParseIP(gateway)}
	if gateway == "" {
		r.Scope = unix.RT_SCOPE_LINK
	}
	_, dst, err := net.ParseCIDR(prefix)
	must(t, err)
	r.Dst = dst
	must(t, netlink.RouteReplace(r))
}

// serveDNS answers at an address of the loopback device, over UDP and TCP.
func serveDNS(t *testing.T, at string, answer func(q *dns.Msg) *dns.Msg) {
	t.Helper()
	for _, network := range []string{"udp", "tcp"} {
		ready := make(chan struct{})
		s := &dns.Server{Addr: at + ":53", Net: network, NotifyStartedFunc: func() { close(ready) },
			Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { _ = w.WriteMsg(answer(q)) })}
		go func() { _ = s.ListenAndServe() }()
		t.Cleanup(func() { _ = s.Shutdown() })
		select {
		case <-ready:
		case <-time.After(5 * time.Second):
			t.Fatalf("no DNS server at %s over %s", at, network)
		}
	}
}

// reply is an answer with a code, addresses, and the SOA of a zone if it is given.
func reply(q *dns.Msg, code int, zone string, addrs ...string) *dns.Msg {
	r := new(dns.Msg).SetRcode(q, code)
	header := dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 5}
	for _, a := range addrs {
		r.Answer = append(r.Answer, &dns.A{Hdr: header, A: net.ParseIP(a)})
	}
	if zone != "" {
		header.Name, header.Rrtype = zone, dns.TypeSOA
		r.Ns = append(r.Ns, &dns.SOA{Hdr: header, Ns: "ns.", Mbox: "m."})
	}
	return r
}

func TestTunnelingName(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	var now atomic.Pointer[dns.Msg]
	serveDNS(t, "127.0.0.2", func(q *dns.Msg) *dns.Msg {
		r := now.Load().Copy()
		r.Id, r.Question = q.Id, q.Question
		return r
	})
	const host = "data.tunneling.iot.ap-northeast-1.amazonaws.com"
	q := new(dns.Msg).SetQuestion(dns.Fqdn(host), dns.TypeA)
	x := newExamination(Options{})
	x.config.Endpoint = config.Endpoint{Host: "abc-ats.iot.ap-northeast-1.amazonaws.com", PrivateCIDRs: prefixes("10.0.0.0/8")}
	x.config.Tunnel = config.Tunnel{Enabled: true, Endpoint: host + ":443"}
	x.path = resolver.Path{Device: "lo", Servers: addresses("127.0.0.2")}
	for name, tc := range map[string]struct {
		answer *dns.Msg
		public bool // allowed
		state  State
		words  string
	}{
		"private":              {reply(q, dns.RcodeSuccess, "", "10.0.6.111", "10.0.6.110"), false, OK, host + " is 10.0.6.110, 10.0.6.111"},
		"shadowed":             {reply(q, dns.RcodeNameError, "amazonaws.com."), false, Error, "the private hosted zone amazonaws.com shadows it"},
		"shadowed, no SOA":     {reply(q, dns.RcodeNameError, ""), false, Error, "the private hosted zone iot.ap-northeast-1.amazonaws.com shadows it"},
		"no address":           {reply(q, dns.RcodeSuccess, ""), false, Error, "does not know " + host},
		"an error":             {reply(q, dns.RcodeServerFailure, ""), false, Error, "127.0.0.2 answers SERVFAIL"},
		"public":               {reply(q, dns.RcodeSuccess, "", "198.51.100.1"), false, Error, "no tunnel is opened"},
		"public, and may be":   {reply(q, dns.RcodeSuccess, "", "198.51.100.1"), true, Warning, "tunnel data uses the internet"},
		"half of them private": {reply(q, dns.RcodeSuccess, "", "10.0.6.110", "198.51.100.1"), false, Error, "is public (198.51.100.1)"},
	} {
		now.Store(tc.answer)
		x.config.Tunnel.AllowPublic = tc.public
		want(t, name, checkTunnelingName(t.Context(), x), tc.state, tc.words)
	}
	x.path.Servers = addresses("127.0.0.3")
	want(t, "nobody there", checkTunnelingName(t.Context(), x), Error, "127.0.0.3 refuses: no DNS server there")
}

// TestLookUp: the first server that knows it counts, under a random label if need be.
func TestLookUp(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	serveDNS(t, "127.0.0.2", func(q *dns.Msg) *dns.Msg {
		if strings.HasPrefix(q.Question[0].Name, "vpn.") {
			return reply(q, dns.RcodeNameError, "")
		}
		return reply(q, dns.RcodeSuccess, "", "203.0.113.10")
	})
	server := func(text string) netip.AddrPort { return netip.MustParseAddrPort(text + ":53") }
	addrs, why := lookUp(t.Context(), []netip.AddrPort{server("127.0.0.3"), server("127.0.0.2")}, "vpn.example")
	if why != nil || texts(addrs) != "203.0.113.10" {
		t.Errorf("%v, %v", addrs, why)
	}
	if _, why = lookUp(t.Context(), []netip.AddrPort{server("127.0.0.3"), server("127.0.0.4")}, "vpn.example"); why == nil ||
		why.in(english()) != "127.0.0.3 refuses: no DNS server there; 127.0.0.4 refuses: no DNS server there" {
		t.Errorf("nobody there: %v", why)
	}
}

// TestUplink goes from a device with nothing to one whose gateway is silent.
func TestUplink(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	x := device(t, map[string]string{"sys/class/rfkill/rfkill0/type": "wlan\n", "sys/class/rfkill/rfkill0/soft": "1\n"})
	want(t, "nothing", checkUplink(t.Context(), x), Error, "no default route: this device has no way out; Wi-Fi is switched off (rfkill)")
	eth0 := cable(t, false)
	want(t, "cable out", checkUplink(t.Context(), x), Error, "eth0 has no carrier")
	up(t, "far")
	route(t, eth0, "0.0.0.0/0", "", 0)
	want(t, "no address", checkUplink(t.Context(), x), Error, "eth0 has no IPv4 address")
	address(t, eth0, "192.0.2.2/24")
	want(t, "no gateway needed", checkUplink(t.Context(), x), OK, "eth0, 192.0.2.2/24")
	must(t, netlink.RouteDel(&netlink.Route{LinkIndex: eth0.Attrs().Index, Scope: unix.RT_SCOPE_LINK, Dst: &net.IPNet{IP: net.IPv4zero, Mask: net.CIDRMask(0, 32)}}))
	route(t, eth0, "0.0.0.0/0", "192.0.2.1", 0)
	want(t, "gateway silent", checkUplink(t.Context(), x), Error, "the gateway 192.0.2.1 does not answer")
	x.config.Links = []config.Link{{Type: config.LinkInterface, Interface: []string{"ppp0", "eth0"}}}
	want(t, "with a spare link", checkUplink(t.Context(), x), Warning, "the gateway 192.0.2.1 does not answer")
}

// TestRoutes: where the VPC's resolver may be, and by which device addresses leave.
func TestRoutes(t *testing.T) {
	if !inOwnNetwork(t) {
		return
	}
	eth0 := cable(t, true)
	address(t, eth0, "192.0.2.2/24")
	route(t, eth0, "10.0.0.2/32", "", agentProtocol)
	route(t, eth0, "10.1.0.0/16", "", agentProtocol)
	route(t, eth0, "10.2.0.0/16", "", unix.RTPROT_STATIC)
	if got := texts(guesses(eth0.Attrs().Index)); got != "10.0.0.2, 10.1.0.2" {
		t.Errorf("the resolver may be at %s", got)
	}
	x := newExamination(Options{})
	x.path.Device, x.addrs = "eth0", addresses("10.1.6.105", "10.2.6.105")
	want(t, "through the link", checkEndpoint(t.Context(), x), OK, "10.1.6.105, 10.2.6.105, through eth0")
	x.path.Device = "tun0"
	want(t, "by another device", checkEndpoint(t.Context(), x), Error, "10.1.6.105 would leave by eth0, not by tun0")
	x.addrs = addresses("10.3.0.1")
	want(t, "no route", checkEndpoint(t.Context(), x), Error, "there is no route to 10.3.0.1")
}
