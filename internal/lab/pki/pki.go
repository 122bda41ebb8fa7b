// Package pki makes the certificates of tests and of the lab: an authority,
// server and client certificates as AWS issues them, and every faulty kind
// that a device in the field meets.
//
// It is for tests only. It imports nothing of the project.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// caLife is how long before and after its making an authority is valid: longer
// than any certificate it issues, the expired and the not yet valid included.
const caLife = 10 * 365 * 24 * time.Hour

// CA is a certificate authority whose key lives in memory only.
type CA struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA returns a self-signed authority with the given common name.
func NewCA(name string) (*CA, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making the key of CA %s: %w", name, err)
	}
	serial, err := newSerial()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	cert, err := sign(&x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: name},
		NotBefore:             now.Add(-caLife),
		NotAfter:              now.Add(caLife),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil, key, key)
	if err != nil {
		return nil, fmt.Errorf("signing CA %s: %w", name, err)
	}
	return &CA{cert: cert, key: key}, nil
}

// Cert returns the authority's own certificate.
func (ca *CA) Cert() *x509.Certificate { return ca.cert }

// CertPEM returns the authority's own certificate as a PEM block.
func (ca *CA) CertPEM() []byte { return certPEM(ca.cert) }

// Pool returns a pool that trusts this authority alone.
func (ca *CA) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return pool
}

// sign has parent's key sign template; a nil parent means self-signed.
func sign(template, parent *x509.Certificate, public, signer *ecdsa.PrivateKey) (*x509.Certificate, error) {
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &public.PublicKey, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// newSerial returns 128 random bits, enough never to repeat one.
func newSerial() (*big.Int, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return serial, nil
}
