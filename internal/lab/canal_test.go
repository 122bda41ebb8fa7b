package lab

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
)

// startCanalLab starts a lab with a SIM and routes the VPC and SORACOM through it.
func startCanalLab(t *testing.T) *Lab {
	t.Helper()
	l := start(t, Options{Canal: CanalStandby})
	l.routeCanal(t)
	return l
}

func (l *Lab) routeCanal(t *testing.T) {
	t.Helper()
	name := l.Canal.Device()
	if err := l.Device.ip("route replace "+vpcRange.String()+" dev "+name, "route replace 100.64.0.0/10 dev "+name); err != nil {
		t.Fatal(err)
	}
}

// ask asks a resolver of the VPC from the device.
func (l *Lab) ask(t *testing.T, server netip.Addr) (string, error) {
	t.Helper()
	out, err := l.Device.Run(within(t, testTimeout), "dig", "+short", "+time=1", "+tries=1", "@"+server.String(), EndpointHost)
	return strings.Join(strings.Fields(out), " "), err
}

// ping sends one echo request to SORACOM's pong and waits for its answer.
func (l *Lab) ping(t *testing.T) error {
	t.Helper()
	return l.Device.Do(func() error {
		conn, err := net.ListenPacket("ip4:icmp", "0.0.0.0")
		if err != nil {
			return err
		}
		defer conn.Close()
		request := []byte{icmpEcho, 0, 0, 0, 0x47, 0x11, 0, 1, 'p', 'o', 'n'} // of odd length
		binary.BigEndian.PutUint16(request[2:], checksum(request))
		if _, err := conn.WriteTo(request, &net.IPAddr{IP: PongAddr.AsSlice()}); err != nil {
			return err
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		answer := make([]byte, 100)
		n, _, err := conn.ReadFrom(answer)
		if err == nil && (answer[0] != 0 || checksum(answer[:n]) != 0 || string(answer[8:n]) != "pon") {
			err = fmt.Errorf("got % x", answer[:n])
		}
		return err
	})
}

// works reports how much of the leg works.
func (l *Lab) works(t *testing.T) string {
	t.Helper()
	var parts []string
	if l.ping(t) == nil {
		parts = append(parts, "pong")
	}
	if got, err := l.ask(t, InboundAddrs[0]); err == nil && strings.Contains(got, BrokerAddrs[0].String()) {
		parts = append(parts, "vpc")
	}
	return strings.Join(parts, " ")
}

// The SIM leads into the VPC and nowhere else, and not to the VPC's own resolver.
func TestCanalLeadsIntoTheVPCAlone(t *testing.T) {
	l := startCanalLab(t)
	for _, server := range InboundAddrs {
		if got, err := l.ask(t, server); err != nil || !strings.Contains(got, BrokerAddrs[1].String()) {
			t.Errorf("%s: %q, %v", server, got, err)
		}
	}
	if err := l.ping(t); err != nil {
		t.Errorf("pong: %v", err)
	}
	if got, err := l.ask(t, ResolverAddr); err == nil {
		t.Errorf("the VPC's own resolver answers over peering: %q", got)
	}
	if err := l.Device.ip("route replace " + PublicDNS.String() + "/32 dev ppp0"); err != nil {
		t.Fatal(err)
	}
	before := l.Canal.Traffic()
	if got, err := l.ask(t, PublicDNS); err == nil {
		t.Errorf("the internet answers over a closed network: %q", got)
	}
	if after := l.Canal.Traffic(); after.Strays < before.Strays+1 || after.Up <= before.Up || after.Down == 0 {
		t.Errorf("traffic %+v, then %+v", before, after)
	}
	clean(t, l, "over Canal")
}

// What is done to the VPC resolver's answers is done at each of its addresses.
func TestCanalResolversAreDistorted(t *testing.T) {
	l := startCanalLab(t)
	x, err := l.DistortResolver(Distortion{Alias: OrdinaryHost})
	if err != nil {
		t.Fatal(err)
	}
	for _, server := range InboundAddrs {
		if got, err := l.ask(t, server); err != nil || !strings.Contains(got, OrdinaryHost) {
			t.Errorf("%s, distorted: %q, %v", server, got, err)
		}
	}
	if err := x.Restore(); err != nil {
		t.Fatal(err)
	}
	if err := l.BlackholeResolver(true); err != nil {
		t.Fatal(err)
	}
	if got, err := l.ask(t, InboundAddrs[1]); err == nil {
		t.Errorf("%s answers although it gets no question: %q", InboundAddrs[1], got)
	}
}

// The device looks as that of a modem does.
func TestCanalDevice(t *testing.T) {
	l := startCanalLab(t)
	out, err := l.Device.Run(within(t, testTimeout), "ip", "-o", "addr", "show", "dev", "ppp0")
	if err != nil || !strings.Contains(out, "inet 10.201.0.2 peer 10.64.64.64/32") {
		t.Errorf("%s %v", out, err)
	}
	out, err = l.Device.Run(within(t, testTimeout), "ip", "-o", "link", "show", "dev", "ppp0")
	if err != nil || !strings.Contains(out, "POINTOPOINT") || !strings.Contains(out, "mtu 1420") || !strings.Contains(out, "LOWER_UP") {
		t.Errorf("%s %v", out, err)
	}
}

// Each fault takes away what it should, and gives it back.
func TestCanalFaults(t *testing.T) {
	l := startCanalLab(t)
	c := l.Canal
	tests := []struct {
		name       string
		inflict    func() error
		during     string
		end        func() error
		routesGone bool
	}{
		{"silent modem", func() error { c.Silent(true); return nil }, "", func() error { c.Silent(false); return nil }, false},
		{"dead VPC", func() error { c.VPCDead(true); return nil }, "pong", func() error { c.VPCDead(false); return nil }, false},
		{"no carrier", func() error { return c.Carrier(false) }, "", func() error { return c.Carrier(true) }, false},
		{"no address", func() error { return c.Address(false) }, "", func() error { return c.Address(true) }, true},
		{"hung up", func() error { c.HangUp(); return nil }, "", func() error { return c.Dial("ppp0") }, true},
		{"come back as another", func() error { c.HangUp(); return c.Dial("wwan0") }, "", func() error { return nil }, true},
		{"renamed", func() error { return c.Rename("ppp0") }, "", func() error { return nil }, true},
	}
	if got := l.works(t); got != "pong vpc" {
		t.Fatalf("%q works before", got)
	}
	for _, tt := range tests {
		if err := tt.inflict(); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := l.works(t); got != tt.during {
			t.Errorf("%s: %q works, want %q", tt.name, got, tt.during)
		}
		if err := tt.end(); err != nil {
			t.Fatalf("after %s: %v", tt.name, err)
		}
		if tt.routesGone {
			l.routeCanal(t)
		}
		// The kernel takes its time to believe in a carrier again.
		ctx := within(t, testTimeout)
		for got := l.works(t); got != "pong vpc"; got = l.works(t) {
			if ctx.Err() != nil {
				t.Fatalf("after %s: %q works", tt.name, got)
			}
		}
	}
	// The questions of this test go astray while the routes are gone, which an
	// agent has to prevent; the carrier itself must let nothing out.
	if r := report(t, l); len(r.Trap) > 0 {
		t.Errorf("the trap was reached: %v", r.Trap)
	}
}

// Bad weather: what is not lost comes late.
func TestCanalWeather(t *testing.T) {
	l := startCanalLab(t)
	l.Canal.Weather(Radio{Delay: 150 * time.Millisecond})
	started := time.Now()
	if err := l.ping(t); err != nil || time.Since(started) < 150*time.Millisecond {
		t.Errorf("the answer came after %v, %v", time.Since(started), err)
	}
	l.Canal.Weather(Radio{Loss: 1})
	if got := l.works(t); got != "" {
		t.Errorf("%q works although all is lost", got)
	}
	l.Canal.Weather(Radio{Loss: 0.3, Rate: 20000})
	ctx := within(t, testTimeout)
	for l.ping(t) != nil {
		if ctx.Err() != nil {
			t.Fatal("nothing comes through")
		}
	}
}

// A second of air is not given twice: two packets come one after the other.
func TestCarrierRate(t *testing.T) {
	c := &carrier{state: carrierState{radio: Radio{Rate: 1000}}, down: make(chan heldPacket, 2)}
	c.send(1, c.down, make([]byte, 500))
	c.send(1, c.down, make([]byte, 500))
	first, second := <-c.down, <-c.down
	if gap := second.due.Sub(first.due).Round(10 * time.Millisecond); gap != 500*time.Millisecond {
		t.Errorf("%v between two packets of half a second", gap)
	}
}

// The configuration of either use is one that the agent takes.
func TestCanalConfig(t *testing.T) {
	for use, want := range map[CanalUse]string{CanalStandby: "vpn canal", CanalAlone: "canal"} {
		l := &Lab{Dir: t.TempDir(), opts: Options{Canal: use, Config: map[string]string{"canal.connection": "soracom"}}}
		if err := os.MkdirAll(l.path("device"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := l.writeConfig(); err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Read(l.ConfigFile())
		if err != nil {
			t.Errorf("%s: %v", use, err)
			continue
		}
		var names []string
		for _, link := range cfg.Links {
			names = append(names, link.Name)
		}
		canal := cfg.Links[len(cfg.Links)-1]
		if strings.Join(names, " ") != want || canal.Connection != "soracom" || !canal.Metered || canal.Routes[0] != vpcRange {
			t.Errorf("%s: links %v, %+v", use, names, canal)
		}
	}
}

// What is no echo request to the pong has no answer, and crashes nobody.
func FuzzPong(f *testing.F) {
	f.Add([]byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, 1, 0, 0, 10, 201, 0, 2, 100, 127, 100, 127, 8, 0, 0, 0, 0, 1, 0, 1})
	f.Add([]byte{0x4f})
	f.Fuzz(func(t *testing.T, p []byte) {
		if _, ok := destination(p); !ok {
			return
		}
		if answer := pong(p); answer != nil {
			header := int(p[0]&0xf) * 4
			if len(answer) != len(p) || checksum(answer[header:]) != 0 {
				t.Errorf("% x is answered by % x", p, answer)
			}
		}
	})
}

// Two devices of one name are an error that says which.
func TestCanalNameTaken(t *testing.T) {
	l := startCanalLab(t)
	if err := l.Canal.Rename("eth0"); err == nil || !strings.Contains(err.Error(), "ip -batch") {
		t.Errorf("got %v", err)
	}
	if _, err := l.Device.openTUN("eth0"); !errors.Is(err, syscall.EINVAL) && !errors.Is(err, unix.EBUSY) {
		t.Errorf("got %v", err)
	}
}
