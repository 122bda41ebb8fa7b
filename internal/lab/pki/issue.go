package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Default validity of an issued certificate, and of the two faulty kinds.
const (
	validBefore = time.Hour
	validAfter  = 90 * 24 * time.Hour
	offBy       = 24 * time.Hour // how far outside its validity a faulty one lies
)

// Option changes a certificate before it is signed.
type Option func(*request)

type request struct {
	cert     *x509.Certificate
	wrongKey bool
}

// Names adds DNS names; "*.example.com" is a wildcard.
func Names(names ...string) Option {
	return func(r *request) { r.cert.DNSNames = append(r.cert.DNSNames, names...) }
}

// IPs adds addresses.
func IPs(addrs ...netip.Addr) Option {
	return func(r *request) {
		for _, a := range addrs {
			r.cert.IPAddresses = append(r.cert.IPAddresses, net.IP(a.AsSlice()))
		}
	}
}

// Valid sets the validity.
func Valid(from, to time.Time) Option {
	return func(r *request) { r.cert.NotBefore, r.cert.NotAfter = from, to }
}

// Expired makes a certificate that ended a day ago.
func Expired() Option {
	return Valid(time.Now().Add(-2*offBy), time.Now().Add(-offBy))
}

// NotYetValid makes a certificate that begins in a day.
func NotYetValid() Option {
	return Valid(time.Now().Add(offBy), time.Now().Add(2*offBy))
}

// WrongKey pairs the certificate with a private key that is not its own.
func WrongKey() Option {
	return func(r *request) { r.wrongKey = true }
}

// Server issues a server certificate for name, which is its common name and
// its first DNS name.
func (ca *CA) Server(name string, opts ...Option) (*Pair, error) {
	opts = append([]Option{Names(name)}, opts...)
	return ca.issue(name, x509.ExtKeyUsageServerAuth, opts)
}

// Client issues a client certificate with the given common name.
func (ca *CA) Client(name string, opts ...Option) (*Pair, error) {
	return ca.issue(name, x509.ExtKeyUsageClientAuth, opts)
}

func (ca *CA) issue(name string, usage x509.ExtKeyUsage, opts []Option) (*Pair, error) {
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	r := request{cert: &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-validBefore),
		NotAfter:     now.Add(validAfter),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{usage},
	}}
	for _, opt := range opts {
		opt(&r)
	}
	return ca.complete(r)
}

func (ca *CA) complete(r request) (*Pair, error) {
	name := r.cert.Subject.CommonName
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of %s: %w", name, err)
	}
	cert, err := sign(r.cert, ca.cert, key, ca.key)
	if err != nil {
		return nil, fmt.Errorf("signing the certificate of %s: %w", name, err)
	}
	if r.wrongKey {
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, fmt.Errorf("making a wrong key for %s: %w", name, err)
		}
	}
	return newPair(cert, key)
}
