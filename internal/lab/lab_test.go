package lab

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// plainOpenVPN runs openvpn on the device as a person would, with the VPC's
// range routed through it, and waits until it is connected.
func plainOpenVPN(t *testing.T, l *Lab) *Process {
	t.Helper()
	p, err := l.start(l.Device, "openvpn", "openvpn", "--config", l.path("device", "client.ovpn"),
		"--pull-filter", "ignore", "redirect-gateway", "--route", "10.0.0.0", "255.255.0.0")
	must(t, err)
	must(t, waitReady(within(t, testTimeout), p, readyEvery, func() error {
		return contains(p.Log, "Initialization Sequence Completed")
	}))
	return p
}

func contains(file, text string) error {
	data, err := os.ReadFile(file)
	if err == nil && !strings.Contains(string(data), text) {
		err = fmt.Errorf("no %q in %s", text, file)
	}
	return err
}

// publishFromDevice publishes over mutual TLS to one address of the broker.
func publishFromDevice(ctx context.Context, l *Lab, addr netip.Addr) error {
	_, err := l.Device.Run(ctx, "mosquitto_pub", "-h", addr.String(), "-p", fmt.Sprint(BrokerPort),
		"--cafile", l.path("pki", "iot-ca.crt"), "--cert", l.path("pki", "device.crt"), "--key", l.path("pki", "device.key"),
		"--insecure", // the address is not in the certificate; the name is
		"-q", "1", "-t", "lab/test", "-m", "hello")
	return err
}

func TestThePathWithoutAnAgent(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	plainOpenVPN(t, l)
	answer, err := l.Device.Resolve(t.Context(), ResolverAddr, EndpointHost)
	must(t, err)
	if !slices.Equal(answer.Addrs, BrokerAddrs) {
		t.Errorf("the VPC resolver answers %v, want %v", answer, BrokerAddrs)
	}
	for _, addr := range BrokerAddrs {
		if err := publishFromDevice(t.Context(), l, addr); err != nil {
			t.Error(err)
		}
	}
	if r := report(t, l); !r.Clean() || r.Frames == 0 {
		t.Errorf("on the private path: %s", r)
	}
}

func TestTheServerPushesWhatAWSPushes(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	p := plainOpenVPN(t, l)
	for _, option := range []string{
		"dhcp-option DNS 10.0.0.2,", "redirect-gateway def1 bypass-dhcp,", "block-outside-dns,",
		"route-gateway 172.31.0.33,", "topology subnet,", "ping 1,", "ping-restart 20,",
		"ifconfig 172.31.0.34 255.255.255.224,", "peer-id 0,", "cipher AES-256-GCM",
	} {
		if err := contains(p.Log, option); err != nil {
			t.Error(err)
		}
	}
}

// TestTheTrapCounts walks into every trap on purpose: were the capture blind,
// the tests that want to see nothing would pass for the wrong reason.
func TestTheTrapCounts(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	if r := report(t, l); !r.Clean() {
		t.Fatalf("before anything happened: %s", r)
	}
	answer, err := l.Device.Resolve(t.Context(), PublicDNS, EndpointHost)
	must(t, err)
	if !slices.Equal(answer.Addrs, TrapAddrs) {
		t.Fatalf("the public DNS answers %v, want %v", answer, TrapAddrs)
	}
	if err := publishFromDevice(t.Context(), l, answer.Addrs[3]); err != nil {
		t.Fatalf("the trap does not take the device in: %v", err)
	}
	// Nobody answers: the VPC cannot be reached in the open.
	if _, err := l.Device.Resolve(t.Context(), ResolverAddr, OrdinaryHost); err == nil {
		t.Error("the uplink lets private addresses out")
	}
	r := report(t, l)
	if len(r.Trap) != 1 || r.Trap[0].To.Addr() != TrapAddrs[3] {
		t.Errorf("trap: %v, want one SYN to %s", r.Trap, TrapAddrs[3])
	}
	if len(r.Names) != 1 || r.Names[0].To.Addr() != PublicDNS {
		t.Errorf("names: %v, want one query to %s", r.Names, PublicDNS)
	}
	if len(r.Strays) != 1 || r.Strays[0].To.Addr() != ResolverAddr {
		t.Errorf("strays: %v, want one packet to %s", r.Strays, ResolverAddr)
	}
}

func TestPublicNamesAndTheVPNsOwnAreNoTrap(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	for name, want := range map[string]netip.Addr{
		OrdinaryHost: OrdinaryAddr, VPNHost: VPNAddr, "f00." + VPNHost: VPNAddr,
	} {
		answer, err := l.Device.Resolve(t.Context(), usualLAN.Gateway.Addr(), name)
		must(t, err)
		if !slices.Equal(answer.Addrs, []netip.Addr{want}) {
			t.Errorf("%s: %v, want %s", name, answer, want)
		}
	}
	if r := report(t, l); !r.Clean() {
		t.Errorf("asking for names of the open world: %s", r)
	}
}

func TestResolverAnswers(t *testing.T) {
	t.Parallel()
	for _, shadow := range []bool{false, true} {
		t.Run(fmt.Sprintf("shadowing zone %v", shadow), func(t *testing.T) {
			l := start(t, Options{ShadowingZone: shadow})
			tests := []struct {
				how   Answers
				code  string
				addrs []netip.Addr
			}{
				{AnswerPublic, "NOERROR", TrapAddrs},
				{AnswerNXDomain, "NXDOMAIN", nil},
				{AnswerOthersPrivate, "NOERROR", OtherAddrs},
				{AnswerServFail, "SERVFAIL", nil},
				{AnswerPrivate, "NOERROR", BrokerAddrs},
			}
			for _, tt := range tests {
				must(t, l.ResolverAnswers(t.Context(), tt.how))
				answer, err := l.VPC.Resolve(t.Context(), ResolverAddr, EndpointHost)
				must(t, err)
				if answer.Code != tt.code || !slices.Equal(answer.Addrs, tt.addrs) {
					t.Errorf("%s: %v, want %s %v", tt.how, answer, tt.code, tt.addrs)
				}
			}
			answer, err := l.VPC.Resolve(t.Context(), ResolverAddr, TunnelingHost)
			must(t, err)
			if hidden := answer.Code == "NXDOMAIN"; hidden != shadow {
				t.Errorf("tunneling name: %v, want hidden %v", answer, shadow)
			}
		})
	}
}

func TestGivingAnotherAddress(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	p := plainOpenVPN(t, l)
	must(t, l.GiveAddress(netip.MustParseAddr("172.31.0.50")))
	must(t, l.ClientKill(KillRestart))
	must(t, waitReady(within(t, testTimeout), p, readyEvery, func() error {
		return contains(p.Log, "ifconfig 172.31.0.50 255.255.255.224")
	}))
}

func TestHaltEndsTheClient(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	p := plainOpenVPN(t, l)
	must(t, l.ClientKill(KillHalt))
	select {
	case <-p.Done():
	case <-time.After(testTimeout):
		t.Fatal("openvpn still runs after HALT")
	}
}

func TestBlackholes(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	ask := func(server netip.Addr, from *Node) error {
		_, err := from.Resolve(t.Context(), server, OrdinaryHost)
		return err
	}
	tests := []struct {
		name   string
		set    func(bool) error
		server netip.Addr
		from   *Node
	}{
		{"resolver", l.BlackholeResolver, ResolverAddr, l.VPC},
		{"uplink dns", l.BlackholeUplinkDNS, PublicDNS, l.Device},
	}
	for _, tt := range tests {
		must(t, tt.set(true))
		if err := ask(tt.server, tt.from); err == nil {
			t.Errorf("%s: answers in the black hole", tt.name)
		}
		must(t, tt.set(false))
		if err := ask(tt.server, tt.from); err != nil {
			t.Errorf("%s: after the black hole: %v", tt.name, err)
		}
	}
}

func TestBlackholeVPN(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	plainOpenVPN(t, l)
	must(t, l.BlackholeVPN(true))
	if _, err := l.Device.Resolve(t.Context(), ResolverAddr, EndpointHost); err == nil {
		t.Error("the VPC resolver answers through the black hole")
	}
	must(t, l.BlackholeVPN(false))
	if _, err := l.Device.Resolve(t.Context(), ResolverAddr, EndpointHost); err != nil {
		t.Errorf("after the black hole: %v", err)
	}
}

func TestLinkDownAndUp(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	tests := []struct {
		name      string
		down, up  func() error
		keepRoute bool
	}{
		{"interface", l.LinkDown, l.LinkUp, false},
		{"cable", l.Unplug, l.Plug, true},
	}
	for _, tt := range tests {
		must(t, tt.down())
		routes, err := l.Device.Run(t.Context(), "ip", "route")
		must(t, err)
		if kept := strings.Contains(routes, "default via"); kept != tt.keepRoute {
			t.Errorf("%s down: default route kept %v, want %v", tt.name, kept, tt.keepRoute)
		}
		must(t, tt.up())
		err = Poll(within(t, testTimeout), readyEvery, func() error {
			_, err := l.Device.Resolve(t.Context(), PublicDNS, OrdinaryHost)
			return err
		})
		if err != nil {
			t.Errorf("%s up again: %v", tt.name, err)
		}
	}
	if r := report(t, l); r.Frames == 0 {
		t.Error("the capture did not survive the loss of its link")
	}
}

func TestOverlappingLANHasSquatters(t *testing.T) {
	t.Parallel()
	l := start(t, Options{OverlappingLAN: true})
	answer, err := l.Device.Resolve(t.Context(), ResolverAddr, EndpointHost)
	must(t, err)
	if len(answer.Addrs) != len(TrapAddrs) {
		t.Errorf("the LAN's own 10.0.0.2 answers %v, want the trap", answer)
	}
	r := report(t, l)
	if len(r.Names) != 1 {
		t.Errorf("names: %v, want the query to the LAN's own 10.0.0.2", r.Names)
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	const delay = 50 * time.Millisecond
	l := start(t, Options{Delay: delay})
	plainOpenVPN(t, l)
	begin := time.Now()
	_, err := l.Device.Resolve(t.Context(), ResolverAddr, EndpointHost)
	must(t, err)
	if took := time.Since(begin); took < 2*delay {
		t.Errorf("a round trip took %s, less than %s", took, 2*delay)
	}
}

func TestSSHOnTheDevice(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	// The office's way in is a tunnel; a listener of our own stands for it.
	listener, err := l.VPC.Listen("127.0.0.1:2022")
	must(t, err)
	defer listener.Close()
	go relayOne(t.Context(), listener, l.Device, "127.0.0.1:22")
	out, err := l.SSH(t.Context(), 2022, "hostname")
	must(t, err)
	if out != Thing+"\n" {
		t.Errorf("got %q, want the device's host name", out)
	}
}
