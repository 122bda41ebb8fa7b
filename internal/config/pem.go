package config

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
)

// role is what a file is for.
type role string

const (
	roleCA   role = "CA certificates"
	roleCert role = "certificate"
	roleKey  role = "private key"
	roleAny  role = "" // of no form that is known here

	roleProfile  role = "OpenVPN configuration"
	rolePassword role = "password"
)

// flaw is what is wrong with a content for its role.
type flaw struct {
	kind        Kind
	found, todo string
	// command mends the file given, "" if none does.
	command func(file string) string
}

// Marks that editors on Windows leave at the beginning of a text.
var (
	markUTF8    = []byte("\ufeff")
	markUTF16LE = []byte{0xff, 0xfe}
	markUTF16BE = []byte{0xfe, 0xff}
)

// judge says why data cannot serve as PEM text in the given role. It leaves what
// it does not know to the program that reads it: OpenVPN knows more kinds of keys.
func judge(data []byte, as role) *flaw {
	switch {
	case as == roleAny, as == roleProfile:
		return nil
	case as == rolePassword:
		return judgePassword(data)
	case len(bytes.TrimSpace(data)) == 0:
		return &flaw{WrongContent, "is empty", "copy it again", nil}
	case bytes.HasPrefix(data, markUTF16LE), bytes.HasPrefix(data, markUTF16BE):
		return &flaw{NotPEM, "is UTF-16 text", "make it plain text", func(file string) string {
			word := shellWord(file)
			return "sudo sh -c " + shellWord(fmt.Sprintf("umask 077 && iconv -f UTF-16 -t ASCII -o %s.new %s && cat %s.new >%s && rm %s.new", word, word, word, word, word))
		}}
	case bytes.HasPrefix(data, markUTF8):
		return &flaw{NotPEM, "begins with a byte order mark, which hides its first line", "remove the mark", func(file string) string {
			return `sudo sed -i '1s/^\xef\xbb\xbf//' ` + shellWord(file)
		}}
	}
	blocks := pemBlocks(data)
	if len(blocks) == 0 {
		return judgeOther(data, as)
	}
	return judgeBlocks(blocks, as)
}

func pemBlocks(data []byte) []*pem.Block {
	var all []*pem.Block
	for {
		block, rest := pem.Decode(data)
		if block == nil {
			return all
		}
		all, data = append(all, block), rest
	}
}

// judgeOther judges what holds no PEM text.
func judgeOther(data []byte, as role) *flaw {
	if bytes.Contains(data, []byte(pemMark)) {
		return &flaw{WrongContent, "is damaged or cut off: a line \"-----BEGIN\" without its \"-----END\"", "copy it again", nil}
	}
	found, program := "holds no PEM text", ""
	if _, err := x509.ParseCertificate(data); err == nil {
		found, program = "is a certificate in DER form", "openssl x509 -inform DER"
	} else if isDERKey(data) {
		found, program = "is a private key in DER form", "openssl pkey -inform DER"
	}
	// The right thing in another form can be converted; the wrong thing cannot.
	if program == "" || (as == roleKey) != strings.Contains(program, "pkey") {
		return &flaw{WrongContent, found, "put the PEM file of the " + string(as) + " there", nil}
	}
	return &flaw{NotPEM, found, "make it PEM", func(file string) string { return rewrite(program, file) }}
}

func isDERKey(data []byte) bool {
	if _, err := x509.ParsePKCS8PrivateKey(data); err == nil {
		return true
	}
	if _, err := x509.ParsePKCS1PrivateKey(data); err == nil {
		return true
	}
	_, err := x509.ParseECPrivateKey(data)
	return err == nil
}

// contents are what the types of PEM blocks stand for, in words that fit after
// "holds".
var contents = map[string]string{
	"PUBLIC KEY":              "the public key (AWS names the right one ...-private.pem.key)",
	"CERTIFICATE REQUEST":     "a certificate request; the certificate is what was issued for it",
	"NEW CERTIFICATE REQUEST": "a certificate request; the certificate is what was issued for it",
	"OPENSSH PRIVATE KEY":     "an SSH key",
	"OpenVPN Static key V1":   "an OpenVPN static key",
}

const certificateBlock = "CERTIFICATE"

func isKeyBlock(b *pem.Block) bool {
	return strings.HasSuffix(b.Type, "PRIVATE KEY") && !strings.HasPrefix(b.Type, "OPENSSH")
}

// judgeBlocks judges PEM text by what its blocks say they are. Others may stand
// before the one that counts: chains, parameters, easy-rsa's plain text.
func judgeBlocks(blocks []*pem.Block, as role) *flaw {
	for _, b := range blocks {
		switch {
		case as == roleKey && isKeyBlock(b):
			return judgeKey(b)
		case as != roleKey && b.Type == certificateBlock:
			return judgeCertificate(b, as)
		}
	}
	found := "a " + strings.ToLower(blocks[0].Type)
	switch first := blocks[0]; {
	case contents[first.Type] != "":
		found = contents[first.Type]
	case isKeyBlock(first):
		found = "a private key"
	}
	return &flaw{WrongContent, fmt.Sprintf("holds %s, and no %s", found, as), "put the file of the " + string(as) + " there", nil}
}

// judgeKey knows both ways of PEM to protect a key: PKCS #8 and the older header
// (RFC 1421).
func judgeKey(b *pem.Block) *flaw {
	if b.Type != "ENCRYPTED PRIVATE KEY" && !strings.Contains(b.Headers["Proc-Type"], "ENCRYPTED") {
		return nil
	}
	return &flaw{EncryptedKey, "is protected by a passphrase", "take the passphrase off: nobody is there to type it",
		func(file string) string { return rewrite("openssl pkey", file) }}
}

// judgeCertificate leaves dates alone: whether they or the clock are wrong is for
// those who know what the time is.
func judgeCertificate(b *pem.Block, as role) *flaw {
	cert, err := x509.ParseCertificate(b.Bytes)
	switch {
	case err != nil:
		return &flaw{WrongContent, "holds a damaged certificate", "copy it again", nil}
	case as == roleCA && !cert.IsCA && cert.Subject.String() != cert.Issuer.String():
		return &flaw{WrongContent, fmt.Sprintf("holds the certificate of %q, which is no CA", cert.Subject.CommonName),
			"put the CA's certificate there", nil}
	}
	return nil
}

// ofOnePair reports whether certificate and key belong together. A key of a kind
// that Go does not know is taken for the right one.
func ofOnePair(cert, key []byte) bool {
	_, err := tls.X509KeyPair(cert, key)
	return err == nil || !strings.Contains(err.Error(), "does not match")
}
