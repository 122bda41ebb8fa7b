package localproxy

import (
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
)

// LoadRoots reads trusted certificates. A PEM file is trusted instead of the
// system's roots. A directory, such as `openssl rehash` makes, is trusted
// besides them, as in the reference program.
func LoadRoots(path string) (*x509.CertPool, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading certificates: %w", err)
	}
	if !info.IsDir() {
		pool := x509.NewCertPool()
		return pool, addFile(pool, path)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	return pool, addDirectory(pool, path)
}

// addFile fails for a file without a certificate: trusting nobody by mistake
// would look like a fault of the service.
func addFile(pool *x509.CertPool, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("reading certificates: %w", err)
	}
	if !pool.AppendCertsFromPEM(data) {
		return fmt.Errorf("reading certificates: %s holds none in PEM", path)
	}
	return nil
}

// addDirectory skips what holds no certificate, as OpenSSL does.
func addDirectory(pool *x509.CertPool, path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("reading certificates: %w", err)
	}
	found := false
	for _, e := range entries {
		if addFile(pool, filepath.Join(path, e.Name())) == nil {
			found = true
		}
	}
	if !found {
		return fmt.Errorf("reading certificates: no file of %s holds one in PEM", path)
	}
	return nil
}
