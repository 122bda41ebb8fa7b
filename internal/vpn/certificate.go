package vpn

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/clock"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// identity is the client certificate that OpenVPN will show, if it could be read.
type identity struct {
	leaf  *x509.Certificate // nil: none in the file, or of a kind that is not looked at
	files []string          // all files it and its like come from
}

// findIdentity reads the client's certificate and checks that its key belongs
// to it. OpenVPN would say so only at its end, and the server not at all: a
// rejected certificate looks like a dead server (60 s of silence).
func (p *profile) findIdentity(l config.Link) (identity, *cause) {
	cert, key := p.cert, p.key
	if l.Cert != "" {
		cert = credential{file: l.Cert}
	}
	if l.Key != "" {
		key = credential{file: l.Key}
	}
	id := identity{files: files(p.file, p.ca.file, cert.file, key.file)}
	if p.otherKeys || cert == (credential{}) {
		return id, nil
	}
	certPEM, err := cert.read()
	if err != nil {
		return id, &cause{status.ReasonBadConfig, fmt.Sprintf("reading the certificate: %v", err), "", recheck}
	}
	keyPEM, err := key.read()
	if err != nil {
		return id, &cause{status.ReasonBadConfig, fmt.Sprintf("reading the key: %v", err), "", recheck}
	}
	if id.leaf, err = leaf(certPEM); err != nil {
		return id, &cause{status.ReasonCertRejected, fmt.Sprintf("the client certificate is damaged: %v", err), "", recheck}
	}
	return id, p.checkKey(certPEM, keyPEM)
}

// checkKey judges only keys it understands: OpenVPN may know more kinds.
func (p *profile) checkKey(certPEM, keyPEM []byte) *cause {
	if encrypted(keyPEM) {
		if p.passphrase {
			return nil
		}
		return &cause{status.ReasonCertRejected, "the private key is protected by a passphrase",
			"Give the key without a passphrase, or put `askpass FILE` into the OpenVPN file.", recheck}
	}
	if _, err := tls.X509KeyPair(certPEM, keyPEM); err != nil && strings.Contains(err.Error(), "does not match") {
		return &cause{status.ReasonCertRejected, "the private key does not belong to the client certificate",
			"Put the certificate and the key that were issued together into the OpenVPN file.", recheck}
	}
	return nil
}

// encrypted knows both ways of PEM to protect a key: PKCS #8 and the older
// header (RFC 1421).
func encrypted(keyPEM []byte) bool {
	block, _ := pem.Decode(keyPEM)
	return block != nil && (block.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"))
}

// read returns the PEM text, from wherever it is.
func (c credential) read() ([]byte, error) {
	if c.file != "" {
		return os.ReadFile(c.file)
	}
	return []byte(c.inline), nil
}

// leaf returns the first certificate of a PEM text, which may begin with plain
// text (easy-rsa writes it there).
func leaf(text []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		block, text = pem.Decode(text)
		if block == nil {
			return nil, errors.New("no PEM certificate in it")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}

// files returns the names that are not empty.
func files(names ...string) []string {
	var out []string
	for _, n := range names {
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}

// check tells what is wrong with the clock or with the certificate's dates.
func (id identity) check(gate *clock.Gate, now time.Time) *cause {
	err := gate.Check(now)
	if err == nil && id.leaf != nil {
		err = gate.CheckCert(id.leaf, now)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, clock.ErrExpired):
		return &cause{status.ReasonCertExpired, "client " + err.Error(), "", recheck}
	case errors.Is(err, clock.ErrNotYetValid):
		return &cause{status.ReasonCertNotYetValid, "client " + err.Error(), "", recheck}
	}
	return &cause{status.ReasonClock, err.Error(), "", recheck}
}

// stamps tells one version of the files from the next: a new certificate ends
// the wait after a refusal at once.
func stamps(files []string) string {
	var b strings.Builder
	for _, name := range files {
		info, err := os.Stat(name)
		if err != nil {
			fmt.Fprintf(&b, "%s -\n", name)
			continue
		}
		fmt.Fprintf(&b, "%s %d %d\n", name, info.Size(), info.ModTime().UnixNano())
	}
	return b.String()
}
