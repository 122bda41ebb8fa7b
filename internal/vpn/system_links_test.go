package vpn

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// canal adds a second leg from the device into the VPC. A point-to-point one has
// no neighbours to ask, as ppp0; else it is a modem that routes, 192.168.8.1.
func (s *site) canal(name string, pointToPoint bool) config.Link {
	const mac = "02:00:00:00:00:01"
	s.ip("link", "add", name, "netns", s.device, "address", mac, "type", "veth", "peer", "name", "canal0", "address", mac, "netns", s.server)
	s.ip("-n", s.server, "addr", "add", "100.127.100.127/32", "dev", "lo")
	for ns, device := range map[string]string{s.device: name, s.server: "canal0"} {
		// Its own multicast would be counted with the agent's bytes.
		s.run("ip", "netns", "exec", ns, "sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/"+device+"/disable_ipv6")
	}
	if pointToPoint {
		s.ip("-n", s.device, "link", "set", name, "arp", "off")
		s.ip("-n", s.server, "link", "set", "canal0", "arp", "off")
		s.ip("-n", s.server, "addr", "add", "10.64.64.64", "peer", "10.64.1.2", "dev", "canal0")
		s.ip("-n", s.device, "addr", "add", "10.64.1.2", "peer", "10.64.64.64", "dev", name)
	} else {
		s.ip("-n", s.server, "link", "set", "canal0", "address", "02:00:00:00:00:02")
		s.ip("-n", s.server, "addr", "add", "192.168.8.1/24", "dev", "canal0")
		s.ip("-n", s.device, "addr", "add", "192.168.8.100/24", "dev", name)
	}
	s.ip("-n", s.server, "link", "set", "canal0", "up")
	s.ip("-n", s.device, "link", "set", name, "up")
	if !pointToPoint {
		s.ip("-n", s.device, "route", "add", "default", "via", "192.168.8.1", "dev", name, "metric", "20700")
	}
	return config.Link{Name: "canal", Type: config.LinkInterface, Interface: []string{name, "wwan0"},
		Routes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}}
}

// way is how the kernel sends to an address of the VPC.
func (s *site) way() string {
	out, _ := s.try("ip", "-n", s.device, "route", "get", "10.0.6.105")
	return out
}

// refused is what the kernel says of a destination that has a guard only.
const refused = "No route to host"

func TestSystemInterface(t *testing.T) {
	s := newSite(t)
	s.links = []config.Link{s.canal("ppp0", true)}
	s.servers, s.interval = []netip.Addr{addr("10.0.0.2")}, time.Second
	s.ip("-n", s.device, "route", "add", "10.0.0.0/16", "dev", "ppp0") // as pppd and wg-quick do
	a := s.start("")
	up := a.expect(status.OK, status.ReasonConnected, "canal (interface) on ppp0, 10.64.1.2")
	if up.Facts["mtu"] != 1500.0 || up.Path == nil || up.Path.Address.String() != "10.64.1.2/32" {
		t.Errorf("facts %v, path %+v", up.Facts, up.Path)
	}
	if !strings.Contains(s.way(), "dev ppp0") || !s.has("unreachable 10.0.0.0/16 proto 158 metric 2000000000") {
		t.Errorf("%s\n%s", s.way(), s.routes())
	}

	// Renamed: the kernel wants it down for that.
	s.ip("-n", s.device, "link", "set", "ppp0", "down")
	a.expect(status.Down, status.ReasonNoCarrier, "ppp0 is set down")
	if !strings.Contains(s.way(), refused) {
		t.Errorf("while the link is down: %s", s.way())
	}
	s.ip("-n", s.device, "link", "set", "ppp0", "name", "wwan0")
	s.ip("-n", s.device, "link", "set", "wwan0", "up")
	a.expect(status.OK, status.ReasonConnected, "on wwan0")

	s.ip("-n", s.device, "addr", "flush", "dev", "wwan0")
	a.expect(status.Down, status.ReasonNoAddress, "wwan0 has no IPv4 address")
	if !strings.Contains(s.way(), refused) {
		t.Errorf("without an address: %s", s.way())
	}
	s.ip("-n", s.device, "addr", "add", "10.64.1.2", "peer", "10.64.64.64", "dev", "wwan0")
	a.expect(status.OK, status.ReasonConnected, "on wwan0")

	s.ip("-n", s.server, "link", "set", "canal0", "down")
	a.expect(status.Down, status.ReasonNoCarrier, "wwan0 has no carrier")
	s.ip("-n", s.server, "link", "set", "canal0", "up")
	a.expect(status.OK, status.ReasonConnected, "on wwan0")

	// NetworkManager's way with routes that it does not know.
	s.ip("-n", s.device, "route", "del", "10.0.0.0/16", "dev", "wwan0")
	until(t, "the route is back", func() bool { return strings.Contains(s.way(), "dev wwan0") })
	s.ip("-n", s.device, "route", "del", "unreachable", "10.0.0.0/16", "metric", "2000000000")
	until(t, "the guard is back", func() bool { return s.has("unreachable 10.0.0.0/16") })
	// A more specific route of somebody else takes the resolver away.
	s.ip("-n", s.device, "route", "add", "10.0.0.0/24", "via", "192.168.50.1")
	until(t, "the resolver is reached by the link", func() bool {
		out, _ := s.try("ip", "-n", s.device, "route", "get", "10.0.0.2")
		return strings.Contains(out, "dev wwan0")
	})
	if got := a.do("route 10.0.6.105"); !strings.HasSuffix(got, "<nil>") || !strings.Contains(s.way(), "dev wwan0") {
		t.Errorf("%s; %s", got, s.way())
	}
	a.stop()
	if left := s.routes() + s.ip("-n", s.device, "rule", "show"); strings.Contains(left, "proto 158") || strings.Contains(left, "15800") {
		t.Errorf("left:\n%s", left)
	}
}

// Where the way is broken: behind SORACOM's side of the modem, or before it.
func TestSystemInterfaceTellsWhereItIsBroken(t *testing.T) {
	s := newSite(t)
	s.links = []config.Link{s.canal("ppp0", true)}
	s.servers, s.interval = []netip.Addr{addr("10.0.0.2")}, time.Second
	a := s.start("")
	a.expect(status.OK, status.ReasonConnected, "ppp0")
	s.nft("add", "table", "ip", "vpc")
	s.nft("add", "chain", "ip", "vpc", "in", "{ type filter hook input priority 0; }")
	s.nft("add", "rule", "ip", "vpc", "in", "iifname", "canal0", "ip", "daddr", "10.0.0.0/8", "drop")
	a.expect(status.Down, status.ReasonVPCSilent, "nothing answers through ppp0 (asked 10.0.0.2); SORACOM answers in ")
	s.nft("add", "rule", "ip", "vpc", "in", "iifname", "canal0", "drop")
	a.expect(status.Down, status.ReasonNoAnswer, "nor does 100.127.100.127")
	s.nft("flush", "chain", "ip", "vpc", "in")
	a.expect(status.OK, status.ReasonConnected, "ppp0")
}

// OpenVPN goes silent, a modem that routes takes over and gives back nothing to
// the uplink: not a packet for the VPC leaves by it at any time.
func TestSystemFailover(t *testing.T) {
	s := newSite(t)
	canal := s.canal("usb0", false)
	s.link.Routes = canal.Routes
	s.links = []config.Link{s.link, canal}
	s.servers = []netip.Addr{addr("10.0.0.2")}
	s.watchUplink()
	s.serve()
	a := s.start(s.awsFile(""))
	a.await("OpenVPN up and a standby that is proved", func(r told) bool {
		return r.State == status.OK && linkOf(r, "vpn")["state"] == "ok" && linkOf(r, "canal")["state"] == "ok"
	})
	stop := s.shout()
	defer stop()
	if !strings.Contains(s.way(), "dev tun0") {
		t.Errorf("first: %s", s.way())
	}
	s.nft("add", "chain", "ip", "trap", "out", "{ type filter hook output priority -400; }")
	s.nft("add", "rule", "ip", "trap", "out", "udp", "sport", "443", "drop")
	s.nft("add", "rule", "ip", "trap", "in", "udp", "dport", "443", "drop")
	cut := time.Now()
	a.expect(status.Down, status.ReasonFailover, "nothing from 203.0.113.10:443")
	over := a.expect(status.Degraded, status.ReasonFailover, "canal (interface) on usb0, 192.168.8.100; vpn (openvpn): nothing from")
	t.Logf("failed over after %s", time.Since(cut).Round(100*time.Millisecond))
	if over.Path == nil || over.Path.Device != "usb0" || !strings.Contains(s.way(), "via 192.168.8.1 dev usb0") {
		t.Errorf("path %+v, %s", over.Path, s.way())
	}
	// The modem is pulled: nothing is left, and nothing leaks.
	s.ip("-n", s.device, "link", "del", "usb0")
	a.await("no link at all", func(r told) bool { return r.State == status.Down && linkOf(r, "canal")["state"] == "down" })
	stop() // before the agent: what it guards is nobody's affair after it
	s.expectNoLeak()
}

// linkOf is one entry of the facts' list of links.
func linkOf(r told, name string) map[string]any {
	list, _ := r.Facts["links"].([]any)
	i := slices.IndexFunc(list, func(l any) bool { return l.(map[string]any)["name"] == name })
	if i < 0 {
		return nil
	}
	return list[i].(map[string]any)
}

// shout has some program of the device send to the VPC all the time.
func (s *site) shout() (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	var conn *net.UDPConn
	s.in(s.device, func() (err error) {
		conn, err = net.ListenUDP("udp4", nil)
		return err
	})
	go func() {
		defer close(done)
		defer conn.Close()
		tick := time.NewTicker(2 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_, _ = conn.WriteToUDP([]byte("hello"), &net.UDPAddr{IP: net.IPv4(10, 0, 6, 105), Port: 9})
			case <-quit:
				return
			}
		}
	}()
	return func() {
		select {
		case <-quit:
		default:
			close(quit)
		}
		<-done
	}
}

// try runs a program that may fail and returns what it printed.
func (s *site) try(program string, args ...string) (string, error) {
	out, err := exec.Command(program, args...).CombinedOutput()
	return string(out), err
}

// The bytes of an idle agent on a metered link, as the device counts them: its
// probes, and the MQTT keepalive in TLS records with TCP's acknowledgements.
func TestSystemProbeBytes(t *testing.T) {
	s := newSite(t)
	s.canal("ppp0", true)
	question := new(dns.Msg).SetQuestion("xxxxxxxxxxxxxx-ats.iot.ap-northeast-1.amazonaws.com.", dns.TypeA)
	asked, err := question.Pack()
	if err != nil {
		t.Fatal(err)
	}
	var pong, probe int64
	s.in(s.device, func() error {
		m := &Meter{}
		before := s.traffic("ppp0")
		if _, err := ping(t.Context(), "ppp0", pongAddress, func(n int) { m.Add("ppp0", n) }); err != nil {
			return fmt.Errorf("bound to a device without a route: %w", err)
		}
		pong = m.Day("ppp0")
		d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error { return bindRaw(c, "ppp0") }}
		conn, err := d.DialContext(t.Context(), "udp4", "10.0.0.2:53")
		if err != nil {
			return err
		}
		conn = m.Wrap("ppp0", conn)
		defer conn.Close()
		if _, err := conn.Write(asked); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 512)); err != nil {
			return err
		}
		probe = m.Day("ppp0") - pong
		// Ethernet's header of 14 bytes a packet is not on a modem's air.
		if seen := s.traffic("ppp0") - before - 4*14; pong+probe != seen {
			t.Errorf("counted %d bytes for a ping and a probe, the device saw %d", pong+probe, seen)
		}
		return nil
	})
	// The site's resolver echoes the question; a VPC's adds two addresses of 16 bytes.
	const addresses = 2 * 16
	const keepalive = 2*(5+2+1+16+tcpHeaders) + tcpHeaders // PINGREQ, PINGRESP in TLS 1.3, and an acknowledgement
	probes, pings := int64(day/meteredProbe), int64(day/(230*time.Second))
	total := probes*(probe+addresses) + pings*keepalive
	t.Logf("ping %d bytes; probe %d bytes, %d a day; keepalive %d bytes, %d a day; together %d bytes a day", pong, probe+addresses, probes, keepalive, pings, total)
	if total > 150_000 {
		t.Errorf("an idle agent costs %d bytes a day, more than 150 kB", total)
	}
}

// traffic is what a device of the gateway has sent and received, in bytes.
func (s *site) traffic(device string) int64 {
	var rx, tx int64
	out := s.ip("-n", s.device, "-j", "-s", "link", "show", "dev", device)
	for part, n := range map[string]*int64{`"rx":{"bytes":`: &rx, `"tx":{"bytes":`: &tx} {
		_, after, _ := strings.Cut(strings.ReplaceAll(out, " ", ""), part)
		if _, err := fmt.Sscanf(after, "%d", n); err != nil {
			s.t.Fatalf("%v in %s", err, out)
		}
	}
	return rx + tx
}
