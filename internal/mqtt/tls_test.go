package mqtt

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

// serveTLS runs handle for each connection that completes TLS.
func serveTLS(t *testing.T, c *certs, handle func(net.Conn), change ...func(*tls.Config)) (addr string) {
	t.Helper()
	cfg := c.server()
	for _, f := range change {
		f(cfg)
	}
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				secure := tls.Server(conn, cfg)
				if secure.Handshake() == nil {
					handle(secure)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func TestBrokerCertificateFaults(t *testing.T) {
	for name, c := range map[string]struct {
		server func(c *certs) *tls.Config
		reason status.Reason
		words  string
	}{
		"wrong CA": {
			func(*certs) *tls.Config { return newCerts(t).server() },
			status.ReasonTLS, `issued by "Amazon Root CA 1", does not lead to the CA in`,
		},
		"other name": {
			func(c *certs) *tls.Config {
				pair := must(must(c.ca.Server("other.example.com", pki.Names("b.example.com"))).TLS())
				return &tls.Config{Certificates: []tls.Certificate{pair}}
			},
			status.ReasonTLS, "is for other.example.com, b.example.com, not for " + host,
		},
		"expired": {
			func(c *certs) *tls.Config { return c.server(pki.Expired()) },
			status.ReasonTLS, "its certificate expired on",
		},
		"not yet valid": {
			func(c *certs) *tls.Config { return c.server(pki.NotYetValid()) },
			status.ReasonClock, "this device's clock says",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certs := newCerts(t)
			_, addr := startBroker(t, certs, awsiot.Quirks{}, func(o *awsiot.Options) {
				o.TLS = c.server(certs)
				o.TLS.ClientCAs = certs.ca.Pool()
			})
			r := newRig(t, certs, newPath(addr))
			r.run()
			r.down(c.reason, addr+": its certificate", c.words)
		})
	}
}

func TestClientCertificateRefusedByAlert(t *testing.T) {
	for name, version := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCerts(t)
			_, addr := startBroker(t, c, awsiot.Quirks{}, func(o *awsiot.Options) {
				o.TLS.MaxVersion = version
				// The broker's clock is four months ahead of this device's.
				o.TLS.Time = func() time.Time { return time.Now().Add(120 * 24 * time.Hour) }
			})
			r := newRig(t, c, newPath(addr))
			r.run()
			u := r.down(status.ReasonTLS, addr+" refuses this device's certificate: expired certificate; it is valid until")
			if !strings.Contains(u.Hint, "clock") {
				t.Errorf("hint %q", u.Hint)
			}
		})
	}
}

func TestUnknownClientCertificate(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	_, addr := startBroker(t, c, awsiot.Quirks{}, func(o *awsiot.Options) { o.TLS.ClientCAs = newCerts(t).ca.Pool() })
	r := newRig(t, c, newPath(addr))
	r.run()
	u := r.down(status.ReasonTLS, addr+" refuses this device's certificate: unknown certificate authority")
	if !strings.Contains(u.Hint, "registered and active") {
		t.Errorf("hint %q", u.Hint)
	}
}

// TestCutHandshake: a firewall that lets connections begin and then resets them
// is no matter of certificates alone.
func TestCutHandshake(t *testing.T) {
	t.Parallel()
	l := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.(*net.TCPConn).SetLinger(0) // a reset
			conn.Close()
		}
	}()
	r := newRig(t, newCerts(t), newPath(l.Addr().String()))
	r.run()
	u := r.down(status.ReasonTLS, "closed during the TLS handshake")
	if !strings.Contains(u.Hint, "cuts connections") {
		t.Errorf("hint %q", u.Hint)
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	addr := serveTLS(t, c, func(net.Conn) {}, func(cfg *tls.Config) {
		cfg.MinVersion, cfg.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	})
	r := newRig(t, c, newPath(addr))
	r.run()
	r.down(status.ReasonTLS, addr)
}

func TestPort443UsesALPN(t *testing.T) {
	for port, want := range map[uint16]string{443: "x-amzn-mqtt-ca", 8883: ""} {
		c := newCerts(t)
		got := make(chan *tls.ClientHelloInfo, 1)
		addr := serveTLS(t, c, func(net.Conn) {}, func(cfg *tls.Config) {
			cfg.GetConfigForClient = func(h *tls.ClientHelloInfo) (*tls.Config, error) {
				select {
				case got <- h:
				default:
				}
				return nil, nil
			}
		})
		r := newRig(t, c, newPath(addr), func(o *Options) { o.Endpoint.Port = port })
		stop := r.run()
		hello := <-got
		stop()
		if protos := strings.Join(hello.SupportedProtos, ","); protos != want {
			t.Errorf("port %d: ALPN %q, want %q", port, protos, want)
		}
		if hello.ServerName != host {
			t.Errorf("SNI %q, want %q", hello.ServerName, host)
		}
	}
}

// noDial fails the test if anything is dialled.
func noDial(t *testing.T) *path {
	p := newPath("127.0.0.1:1")
	p.dial = func(context.Context, netip.AddrPort) (net.Conn, error) {
		t.Error("dialled")
		return nil, os.ErrClosed
	}
	return p
}

func TestClockGateConnectsNothing(t *testing.T) {
	for name, c := range map[string]struct {
		build  time.Time
		cert   []pki.Option
		reason status.Reason
		words  string
	}{
		"before the build": {time.Now().Add(time.Hour), nil, status.ReasonClock, "before this program was built"},
		"expired":          {time.Time{}, []pki.Option{pki.Expired()}, status.ReasonCertExpired, "this device's certificate expired on"},
		"not yet valid":    {time.Time{}, []pki.Option{pki.NotYetValid()}, status.ReasonCertNotYetValid, "certificate not yet valid"},
	} {
		t.Run(name, func(t *testing.T) {
			certs := newCerts(t, c.cert...)
			r := newRig(t, certs, noDial(t), func(o *Options) {
				o.Clock, _ = clock.NewGate(c.build, certs.dir+"/clock-of-this-test")
			})
			r.run()
			r.down(c.reason, c.words)
		})
	}
}

func TestUnusableFiles(t *testing.T) {
	for name, c := range map[string]struct {
		break_ func(*config.MQTT)
		words  string
	}{
		"no CA":        {func(m *config.MQTT) { m.CA += ".gone" }, "reading the CA: open"},
		"CA not PEM":   {func(m *config.MQTT) { must(0, os.WriteFile(m.CA, []byte("x"), 0o644)) }, "no certificate in"},
		"no key":       {func(m *config.MQTT) { m.Key += ".gone" }, "device.key.gone"},
		"key of other": {func(m *config.MQTT) { m.Key = must(otherKey(m.Key)) }, "private key does not match public key"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, newCerts(t), noDial(t), func(o *Options) { c.break_(&o.MQTT) })
			r.run()
			u := r.down(status.ReasonTLS, c.words)
			if !strings.Contains(u.Hint, "mqtt.ca, mqtt.cert and mqtt.key") {
				t.Errorf("hint %q", u.Hint)
			}
		})
	}
}

func otherKey(key string) (string, error) {
	pair, err := must(pki.NewCA("another")).Client("other")
	if err != nil {
		return "", err
	}
	return key + ".other", os.WriteFile(key+".other", pair.KeyPEM, 0o600)
}

func TestReplacedFilesAreReadAtTheNextAttempt(t *testing.T) {
	t.Parallel()
	c := newCerts(t)
	serials := make(chan string, 10)
	addr := serveTLS(t, c, func(net.Conn) {}, func(cfg *tls.Config) {
		cfg.VerifyConnection = func(s tls.ConnectionState) error {
			serials <- s.PeerCertificates[0].SerialNumber.String()
			return nil
		}
	})
	r := newRig(t, c, newPath(addr))
	r.run()
	first := <-serials
	c.device()
	for second := range serials {
		if second != first {
			return // the test times out if that never comes
		}
	}
}

func TestVerifiedHandshakeConfirmsTheClock(t *testing.T) {
	r, _ := aws(t, awsiot.Quirks{})
	r.run()
	r.until(ok)
	if _, err := os.Stat(r.certs.dir + "/clock"); err != nil {
		t.Errorf("the time was not kept: %v", err)
	}
}
