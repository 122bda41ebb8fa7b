package vpn

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

func TestFindIdentity(t *testing.T) {
	ca := newAuthority(t, "CA")
	good, other := ca.client(), ca.client()
	dir := t.TempDir()
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	crt, key := file("gw.crt", "Certificate:\n    Data:\n"+good.cert), file("gw.key", good.key)
	locked := "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"
	tests := []struct {
		name   string
		text   string
		link   config.Link
		reason status.Reason // empty: no fault
		leaf   bool
	}{
		{"inline", inline("cert", good.cert) + inline("key", good.key), config.Link{}, "", true},
		{"files beside it, with easy-rsa's plain text", "cert gw.crt\nkey gw.key\n", config.Link{}, "", true},
		{"from our own configuration", "client\n", config.Link{Cert: crt, Key: key}, "", true},
		{"our own configuration wins", inline("cert", other.cert) + inline("key", other.key), config.Link{Cert: crt, Key: key}, "", true},
		{"none: OpenVPN may do without", "client\nauth-user-pass x\n", config.Link{}, "", false},
		{"pkcs12: not looked at", "pkcs12 gw.p12\n", config.Link{}, "", false},
		{"key of another", inline("cert", good.cert) + inline("key", other.key), config.Link{}, status.ReasonCertRejected, true},
		{"passphrase", inline("cert", good.cert) + inline("key", locked), config.Link{}, status.ReasonCertRejected, true},
		{"passphrase from a file", "askpass pass.txt\n" + inline("cert", good.cert) + inline("key", locked), config.Link{}, "", true},
		{"missing file", "cert none.crt\nkey gw.key\n", config.Link{}, status.ReasonBadConfig, false},
		{"damaged", inline("cert", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") + inline("key", good.key), config.Link{}, status.ReasonCertRejected, false},
		{"no certificate in it", inline("cert", good.key) + inline("key", good.key), config.Link{}, status.ReasonCertRejected, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			id, c := parseProfile(filepath.Join(dir, "client.ovpn"), tt.text).findIdentity(tt.link)
			switch {
			case c == nil && tt.reason != "", c != nil && c.reason != tt.reason:
				t.Errorf("cause %+v, want %q", c, tt.reason)
			case (id.leaf != nil) != tt.leaf:
				t.Errorf("leaf %v", id.leaf)
			}
		})
	}
}

func TestIdentityCheck(t *testing.T) {
	ca := newAuthority(t, "CA")
	build := time.Now().Add(-10 * day)
	gate, _ := clock.NewGate(build, filepath.Join(t.TempDir(), "last-time"))
	tests := []struct {
		name       string
		begin, end time.Duration
		now        time.Time
		want       status.Reason
	}{
		{"good", -day, day, time.Now(), ""},
		{"expired", -2 * day, -day, time.Now(), status.ReasonCertExpired},
		{"not yet", day, 2 * day, time.Now(), status.ReasonCertNotYetValid},
		{"before the build the clock is wrong, not the certificate", -day, day, build.Add(-day), status.ReasonClock},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cert, err := leaf([]byte(ca.issue("gw", x509.ExtKeyUsageClientAuth, tt.begin, tt.end).cert))
			if err != nil {
				t.Fatal(err)
			}
			c := identity{leaf: cert}.check(gate, tt.now)
			if c == nil && tt.want != "" || c != nil && c.reason != tt.want {
				t.Errorf("cause %+v, want %q", c, tt.want)
			}
			if c != nil && c.pace != recheck {
				t.Errorf("pace %v: the clock may be set at any moment", c.pace)
			}
		})
	}
}

func TestStampsChangeWithTheFiles(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a")
	none := stamps([]string{name})
	if err := os.WriteFile(name, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	first := stamps([]string{name})
	if err := os.Chtimes(name, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	second := stamps([]string{name})
	if none == first || first == second || second != stamps([]string{name}) || !strings.Contains(first, name) {
		t.Errorf("%q %q %q", none, first, second)
	}
}
