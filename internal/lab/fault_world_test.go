package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// neighbour has the uplink stand for the device, without a VPN between: the
// faults are at the VPC's machines, for whoever comes from outside.
func neighbour(t *testing.T) *Lab {
	t.Helper()
	l := start(t, Options{})
	must(t, l.Uplink.ip("route add 10.0.0.0/16 via "+VPNAddr.String()))
	return l
}

// question asks the VPC resolver for the endpoint over one transport.
func question(t *testing.T, l *Lab, network string) (*dns.Msg, time.Duration, error) {
	t.Helper()
	ctx := within(t, testTimeout)
	conn, err := l.Uplink.Dial(ctx, network, netip.AddrPortFrom(ResolverAddr, 53).String())
	if err != nil {
		return nil, 0, err
	}
	defer conn.Close()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(EndpointHost), dns.TypeA)
	return new(dns.Client).ExchangeWithConnContext(ctx, q, &dns.Conn{Conn: conn})
}

func TestDistortedResolver(t *testing.T) {
	t.Parallel()
	l := neighbour(t)
	ask := func(network string, d Distortion) (m *dns.Msg, took time.Duration, err error) {
		x, err := l.DistortResolver(d)
		must(t, err)
		m, took, err = question(t, l, network)
		if err == nil {
			must(t, x.Answered(within(t, testTimeout)))
		}
		must(t, x.Restore())
		return m, took, err
	}
	m, took, err := ask("udp", Distortion{Delay: 300 * time.Millisecond})
	must(t, err)
	if took < 300*time.Millisecond || len(m.Answer) != len(BrokerAddrs) {
		t.Errorf("a slow answer came after %s: %v", took, m)
	}
	m, _, err = ask("udp", Distortion{Truncate: true})
	must(t, err)
	if !m.Truncated || len(m.Answer) != 0 {
		t.Errorf("a truncated answer: %v", m)
	}
	m, _, err = ask("tcp", Distortion{Truncate: true})
	must(t, err)
	if m.Truncated || len(m.Answer) != len(BrokerAddrs) {
		t.Errorf("the same over TCP: %v", m)
	}
	if _, _, err = ask("tcp", Distortion{Truncate: true, RefuseTCP: true}); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("TCP that is to be refused: %v", err)
	}
	m, _, err = ask("udp", Distortion{Alias: OrdinaryHost})
	must(t, err)
	if text := fmt.Sprint(m.Answer); !strings.Contains(text, OrdinaryHost+".") || !strings.Contains(text, OrdinaryAddr.String()) {
		t.Errorf("a lying answer: %s", text)
	}
	m, _, err = question(t, l, "udp")
	must(t, err)
	if m.Truncated || len(m.Answer) != len(BrokerAddrs) {
		t.Errorf("once it is over: %v", m)
	}
}

// handshake connects to one of the broker's addresses and returns who signed
// its certificate, and until when that is valid.
func handshake(t *testing.T, l *Lab, addr netip.Addr) (issuer string, until time.Time, err error) {
	t.Helper()
	raw, err := dialBroker(t, l, addr)
	if err != nil {
		return "", time.Time{}, err
	}
	defer raw.Close()
	device, err := l.certs.device.TLS()
	must(t, err)
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{device}})
	if err := conn.HandshakeContext(within(t, testTimeout)); err != nil {
		return "", time.Time{}, err
	}
	leaf := conn.ConnectionState().PeerCertificates[0]
	return leaf.Issuer.CommonName, leaf.NotAfter, nil
}

func dialBroker(t *testing.T, l *Lab, addr netip.Addr) (net.Conn, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	return l.Uplink.Dial(ctx, "tcp", netip.AddrPortFrom(addr, BrokerPort).String())
}

func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	l := neighbour(t)
	here, there := BrokerAddrs[0], BrokerAddrs[1]

	must(t, l.BrokerShows(t.Context(), CertOtherCA))
	issuer, _, err := handshake(t, l, here)
	must(t, err)
	if ours := l.certs.iotCA.Cert().Subject.CommonName; issuer == ours {
		t.Errorf("the certificate of another CA is signed by %s", issuer)
	}
	must(t, l.BrokerShows(t.Context(), CertExpired))
	_, until, err := handshake(t, l, here)
	must(t, err)
	if time.Now().Before(until) {
		t.Errorf("the expired certificate is valid until %s", until)
	}
	must(t, l.BrokerShows(t.Context(), CertGood))

	must(t, l.ResetBroker(true))
	if _, _, err := handshake(t, l, here); !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
		t.Errorf("a connection that is to be reset: %v", err)
	}
	must(t, l.ResetBroker(false))

	must(t, l.BrokerAddrDead(here, true))
	if conn, err := dialBroker(t, l, here); err == nil {
		conn.Close()
		t.Error("the dead address answers")
	}
	if _, _, err := handshake(t, l, there); err != nil {
		t.Errorf("the other address: %v", err)
	}
	must(t, l.BrokerAddrDead(here, false))
	if _, _, err := handshake(t, l, here); err != nil {
		t.Errorf("once all is over: %v", err)
	}
}

func TestFlood(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	must(t, l.Flood(within(t, testTimeout), 100, func(i int) string { return fmt.Sprintf(`{"number":%d}`, i) }))
	if n := brokerLog(t, l, "Received PUBLISH from "); n != 100 {
		t.Errorf("the broker took %d messages of 100", n)
	}
}

// TestRival has a second device take the client id, and the first one's place
// in the office as well.
func TestRival(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	p, err := l.StartRival()
	must(t, err)
	waitBrokerLog(t, l, "as "+Thing+" (")
	if n := brokerLog(t, l, "c0, k60"); n != 1 {
		t.Errorf("%d sessions that outlive their connection, as the device's does, want one", n)
	}
	p.Kill()
}

func TestStopSSHD(t *testing.T) {
	t.Parallel()
	l := start(t, Options{})
	must(t, l.StopSSHD(within(t, testTimeout)))
	_, err := l.Device.Dial(t.Context(), "tcp", "127.0.0.1:22")
	if !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("without sshd: %v", err)
	}
	if err := l.StopSSHD(t.Context()); err == nil {
		t.Error("it was stopped twice")
	}
	must(t, l.StartSSHD(t.Context()))
	conn, err := l.Device.Dial(t.Context(), "tcp", "127.0.0.1:22")
	must(t, err)
	conn.Close()
}

func TestTunnelingDown(t *testing.T) {
	t.Parallel()
	l := neighbour(t)
	dial := func() error {
		conn, err := l.Uplink.Dial(within(t, testTimeout), "tcp", netip.AddrPortFrom(TunnelingAddr, tunnelingPort).String())
		if err == nil {
			conn.Close()
		}
		return err
	}
	must(t, dial())
	must(t, l.TunnelingDown(true))
	if err := dial(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a service that is down: %v", err)
	}
	must(t, l.TunnelingDown(false))
	must(t, dial())
}
