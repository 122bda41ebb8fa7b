package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"
)

func newCA(t *testing.T, name string) *CA {
	t.Helper()
	ca, err := NewCA(name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}

func server(t *testing.T, ca *CA, opts ...Option) *Pair {
	t.Helper()
	pair, err := ca.Server("iot.example.com", opts...)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// handshake returns what the client and the server think of each other.
func handshake(t *testing.T, client, server *tls.Config) (clientErr, serverErr error) {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	done := make(chan error, 1)
	go func() {
		conn := tls.Server(b, server)
		err := conn.Handshake()
		b.Close()
		done <- err
	}()
	conn := tls.Client(a, client)
	clientErr = conn.Handshake()
	if clientErr != nil {
		a.Close()
	}
	return clientErr, <-done
}

func mustTLS(t *testing.T, p *Pair) []tls.Certificate {
	t.Helper()
	cert, err := p.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{cert}
}

func TestMutualTLS(t *testing.T) {
	ca := newCA(t, "lab")
	device, err := ca.Client("gw-042")
	if err != nil {
		t.Fatal(err)
	}
	clientErr, serverErr := handshake(t,
		&tls.Config{RootCAs: ca.Pool(), ServerName: "iot.example.com", Certificates: mustTLS(t, device)},
		&tls.Config{ClientCAs: ca.Pool(), ClientAuth: tls.RequireAndVerifyClientCert, Certificates: mustTLS(t, server(t, ca))})
	if clientErr != nil || serverErr != nil {
		t.Errorf("client: %v, server: %v; want both to agree", clientErr, serverErr)
	}
}

func TestVerify(t *testing.T) {
	ca := newCA(t, "lab")
	rogue := newCA(t, "rogue")
	tests := []struct {
		name   string
		pair   *Pair
		want   string // DNS name to verify
		reason x509.InvalidReason
		ok     bool
	}{
		{"good", server(t, ca), "iot.example.com", 0, true},
		{"wildcard", server(t, ca, Names("*.vpn.example.com")), "x1.vpn.example.com", 0, true},
		{"address", server(t, ca, IPs(netip.MustParseAddr("10.0.0.2"))), "10.0.0.2", 0, true},
		{"another name", server(t, ca), "other.example.com", 0, false},
		{"another authority", server(t, rogue), "iot.example.com", 0, false},
		{"expired", server(t, ca, Expired()), "iot.example.com", x509.Expired, false},
		{"not yet valid", server(t, ca, NotYetValid()), "iot.example.com", x509.Expired, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.pair.Cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: tt.want})
			if (err == nil) != tt.ok {
				t.Fatalf("got %v, want ok %v", err, tt.ok)
			}
			var invalid x509.CertificateInvalidError
			if tt.reason != 0 && (!errors.As(err, &invalid) || invalid.Reason != tt.reason) {
				t.Errorf("got %v, want reason %v", err, tt.reason)
			}
		})
	}
}

func TestValidityLiesOnTheSideItsNameSays(t *testing.T) {
	ca := newCA(t, "lab")
	if p := server(t, ca, Expired()); !p.Cert.NotAfter.Before(time.Now()) {
		t.Errorf("expired one ends at %v", p.Cert.NotAfter)
	}
	if p := server(t, ca, NotYetValid()); !p.Cert.NotBefore.After(time.Now()) {
		t.Errorf("not yet valid one begins at %v", p.Cert.NotBefore)
	}
}

func TestKeyUsageKeepsClientsFromServing(t *testing.T) {
	ca := newCA(t, "lab")
	client, err := ca.Client("gw-042", Names("iot.example.com"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Cert.Verify(x509.VerifyOptions{Roots: ca.Pool(), DNSName: "iot.example.com"})
	if err == nil {
		t.Error("a client certificate verifies as a server's")
	}
}

func TestWrongKey(t *testing.T) {
	if _, err := server(t, newCA(t, "lab"), WrongKey()).TLS(); err == nil {
		t.Error("a pair with a wrong key loads")
	}
}

func TestWriteModes(t *testing.T) {
	dir := t.TempDir()
	ca := newCA(t, "lab")
	cert, key, err := server(t, ca).Write(dir, "server")
	if err != nil {
		t.Fatal(err)
	}
	root, err := ca.WriteCert(dir, "ca")
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]os.FileMode{cert: 0o644, root: 0o644, key: 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %o, want %o", file, info.Mode().Perm(), want)
		}
	}
	if _, err := tls.LoadX509KeyPair(cert, key); err != nil {
		t.Errorf("the files do not load: %v", err)
	}
}
