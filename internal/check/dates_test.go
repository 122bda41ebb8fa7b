package check

import (
	"path/filepath"
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
