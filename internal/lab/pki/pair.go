package pki

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
)

// Modes of written files: certificates are public, keys are their owner's.
const (
	certMode = 0o644
	keyMode  = 0o600
)

// Pair is a certificate and a private key, which is the certificate's own
// unless it was issued WrongKey.
type Pair struct {
	Cert    *x509.Certificate
	CertPEM []byte
	KeyPEM  []byte // PKCS #8
}

func newPair(cert *x509.Certificate, key *ecdsa.PrivateKey) (*Pair, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encoding the key of %s: %w", cert.Subject.CommonName, err)
	}
	return &Pair{
		Cert:    cert,
		CertPEM: certPEM(cert),
		KeyPEM:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
	}, nil
}

// TLS returns the pair for a tls.Config. It fails for a pair issued WrongKey.
func (p *Pair) TLS() (tls.Certificate, error) {
	return tls.X509KeyPair(p.CertPEM, p.KeyPEM)
}

// Write writes dir/name.crt (mode 0644) and dir/name.key (mode 0600) and
// returns their paths.
func (p *Pair) Write(dir, name string) (cert, key string, err error) {
	cert = filepath.Join(dir, name+".crt")
	key = filepath.Join(dir, name+".key")
	if err := writeFile(cert, p.CertPEM, certMode); err != nil {
		return "", "", err
	}
	return cert, key, writeFile(key, p.KeyPEM, keyMode)
}

// WriteCert writes the authority's certificate to dir/name.crt (mode 0644) and
// returns its path.
func (ca *CA) WriteCert(dir, name string) (string, error) {
	file := filepath.Join(dir, name+".crt")
	return file, writeFile(file, ca.CertPEM(), certMode)
}

// writeFile sets the mode whatever the umask says and whatever was there.
func writeFile(file string, data []byte, mode os.FileMode) error {
	if err := os.WriteFile(file, data, mode); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Chmod(file, mode); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	return nil
}

func certPEM(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
