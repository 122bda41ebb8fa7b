package check

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/lab/pki"
)

func TestDates(t *testing.T) {
	year := pki.Valid(time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0))
	for _, tc := range []struct {
		name, ca string
		opts     []pki.Option
		state    State
		words    string
	}{
		{"good", "Amazon Root CA 1", []pki.Option{year}, OK, "IoT certificate until"},
		{"expired", "Amazon Root CA 1", []pki.Option{pki.Expired()}, Error, "IoT certificate expired on"},
		{"to come", "Amazon Root CA 1", []pki.Option{pki.NotYetValid()}, Error, "IoT certificate begins on"},
		{"ending", "Amazon Root CA 1", []pki.Option{pki.Valid(time.Now().Add(-time.Hour), time.Now().Add(20*24*time.Hour+time.Hour))}, Warning, "ends in 20 days"},
		{"of another CA", "My CA", []pki.Option{year}, Warning, "no Amazon root certificate"},
	} {
		dir := t.TempDir()
		ca, err := pki.NewCA(tc.ca)
		if err != nil {
			t.Fatal(err)
		}
		caFile, err := ca.WriteCert(dir, "ca")
		if err != nil {
			t.Fatal(err)
		}
		pair, err := ca.Client("gw-042", tc.opts...)
		if err != nil {
			t.Fatal(err)
		}
		cert, key, err := pair.Write(dir, "device")
		if err != nil {
			t.Fatal(err)
		}
		x := device(t, nil)
		x.config.MQTT = config.MQTT{CA: caFile, Cert: cert, Key: key}
		want(t, tc.name, checkDates(t.Context(), x), tc.state, tc.words)
	}
	x := device(t, nil)
	x.config.MQTT.Cert = filepath.Join(t.TempDir(), "none.pem")
	want(t, "no file", checkDates(t.Context(), x), Skipped, "no certificate")
}

// TestCertificatesUse: what a certificate is for, and what stands behind it in
// its file.
func TestCertificatesUse(t *testing.T) {
	ca, other := newCA(t, "Amazon Root CA 1"), newCA(t, "My CA")
	client, err := ca.Client("gw-042")
	if err != nil {
		t.Fatal(err)
	}
	server, err := ca.Server("vpn.example")
	if err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		file  []byte
		state State
		words string
	}{
		"alone":                   {client.CertPEM, OK, "IoT certificate until"},
		"with its CA":             {slices.Concat(client.CertPEM, ca.CertPEM()), OK, "IoT certificate until"},
		"with another CA":         {slices.Concat(client.CertPEM, other.CertPEM()), Warning, "certificate 1 is not signed by certificate 2"},
		"with two, one of others": {slices.Concat(client.CertPEM, ca.CertPEM(), other.CertPEM()), Warning, "certificate 2 is not signed by certificate 3"},
		"a server's":              {server.CertPEM, Warning, "is for servers only"},
	} {
		x := device(t, map[string]string{"cert.pem": string(tc.file), "ca.pem": string(ca.CertPEM())})
		x.config.MQTT = config.MQTT{CA: x.file("/ca.pem"), Cert: x.file("/cert.pem")}
		want(t, name, checkDates(t.Context(), x), tc.state, tc.words)
	}
}

func newCA(t *testing.T, name string) *pki.CA {
	t.Helper()
	ca, err := pki.NewCA(name)
	if err != nil {
		t.Fatal(err)
	}
	return ca
}
