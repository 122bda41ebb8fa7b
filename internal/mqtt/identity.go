package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/status"
)

// alpnPort takes MQTT only with the ALPN protocol name below.
// https://docs.aws.amazon.com/iot/latest/developerguide/protocols.html
const (
	alpnPort = 443
	alpnMQTT = "x-amzn-mqtt-ca"
)

// identity is what a TLS handshake needs. It is read at each attempt: files are
// replaced while the daemon runs.
type identity struct {
	config *tls.Config
	leaf   *x509.Certificate // this device's certificate
}

// identify reads the certificates and checks the clock against them. With a
// wrong clock, or outside the certificate's validity, nothing connects.
func (s *Session) identify(now time.Time) (*identity, *fault) {
	pool, err := readPool(s.o.MQTT.CA)
	if err != nil {
		return nil, fileFault(err)
	}
	cert, err := tls.LoadX509KeyPair(s.o.MQTT.Cert, s.o.MQTT.Key)
	if err != nil {
		return nil, fileFault(fmt.Errorf("reading %s and %s: %w", s.o.MQTT.Cert, s.o.MQTT.Key, err))
	}
	s.expires = cert.Leaf.NotAfter
	if err := s.o.Clock.CheckCert(cert.Leaf, now); err != nil {
		return nil, clockFault(err)
	}
	config := &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ServerName:   s.o.Endpoint.Host,
		RootCAs:      pool,
		Certificates: []tls.Certificate{cert},
	}
	if s.o.Endpoint.Port == alpnPort {
		config.NextProtos = []string{alpnMQTT}
	}
	return &identity{config: config, leaf: cert.Leaf}, nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("reading the CA: no certificate in %s", file)
	}
	return pool, nil
}

// fileFault is a certificate or key that cannot be used.
func fileFault(err error) *fault {
	return &fault{
		reason: status.ReasonTLS, detail: err.Error(), retry: RetryLocal,
		hint: "check the files named in mqtt.ca, mqtt.cert and mqtt.key: PEM, readable by the agent, certificate and key of one pair.",
	}
}

// clockFault names what a refusal of the clock gate is about.
func clockFault(err error) *fault {
	f := &fault{reason: status.ReasonClock, detail: err.Error(), retry: RetryLocal}
	switch {
	case errors.Is(err, clock.ErrExpired):
		f.reason = status.ReasonCertExpired
	case errors.Is(err, clock.ErrNotYetValid):
		f.reason = status.ReasonCertNotYetValid
	}
	if f.reason != status.ReasonClock {
		f.detail = "this device's " + f.detail
	}
	return f
}
