package check

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/pem"
	"os"
	"slices"
	"strings"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// holder is a certificate and what it is for.
type holder struct {
	what words
	file string // where it was found, for the fix
	cert *x509.Certificate
}

// checkDates looks at the dates of this device's certificates and of the CA, at
// what they are for, and whether the CA is one that AWS IoT's ATS endpoints use.
// https://docs.aws.amazon.com/iot/latest/developerguide/server-authentication.html
func checkDates(_ context.Context, x *examination) outcome {
	now := time.Now()
	var late *outcome
	good := list{between: ", "}
	for _, h := range holders(x) {
		o := h.judge(now)
		switch {
		case o.state == Error:
			return o
		case o.state == Warning && late == nil:
			late = &o
		}
		good.parts = append(good.parts, say("dates.until", h.what, h.cert.NotAfter.UTC().Format(time.DateOnly)))
	}
	ca := x.config.MQTT.CA
	switch at, broken := brokenChain(certificates(x.config.MQTT.Cert)); {
	case late != nil:
		return *late
	case len(good.parts) == 0:
		return skipped(say("dates.none"))
	case broken:
		return warning(say("dates.chain", x.config.MQTT.Cert, at, at+1), say("dates.chain.fix", x.config.MQTT.Cert))
	case !amazonRoot(ca):
		return warning(say("dates.root", ca), say("dates.root.fix", ca))
	}
	return ok(good)
}

// judge compares a certificate with the clock and with its use.
func (h holder) judge(now time.Time) outcome {
	switch c := h.cert; {
	case now.After(c.NotAfter):
		return fault(say("dates.expired", h.what, minute(c.NotAfter)), say("dates.expired.fix", h.file))
	case now.Before(c.NotBefore):
		return fault(say("dates.begins", h.what, minute(c.NotBefore), minute(now)), setClock())
	case now.Add(soon).After(c.NotAfter):
		return warning(say("dates.ends", h.what, c.NotAfter.UTC().Format(time.DateOnly), int(c.NotAfter.Sub(now).Hours()/24)),
			say("dates.ends.fix", h.file))
	case serverOnly(c):
		return warning(say("dates.server", h.what, h.file), say("dates.server.fix"))
	}
	return ok(h.what)
}

func holders(x *examination) []holder {
	var all []holder
	for _, c := range certificates(x.config.MQTT.Cert) {
		all = append(all, holder{say("dates.iot"), x.config.MQTT.Cert, c})
		break // what follows is its chain
	}
	if ca := certificates(x.config.MQTT.CA); len(ca) == 1 {
		all = append(all, holder{say("dates.ca"), x.config.MQTT.CA, ca[0]})
	}
	for _, l := range x.config.Links {
		if l.Type != config.LinkOpenVPN {
			continue
		}
		if in, err := vpn.Inspect(l); err == nil && in.Certificate != nil {
			all = append(all, holder{say("dates.vpn", l.Name), cmp.Or(l.Cert, l.Config), in.Certificate})
		}
	}
	return all
}

// serverOnly reports whether c names what it may be used for, and a client is
// not among it: the server's file was taken for the client's.
func serverOnly(c *x509.Certificate) bool {
	if c.IsCA || len(c.ExtKeyUsage) == 0 {
		return false
	}
	return !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(c.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// brokenChain returns the place, counted from 1, of the first certificate that
// the next one has not signed.
func brokenChain(chain []*x509.Certificate) (at int, broken bool) {
	for i := range len(chain) - 1 {
		if chain[i].CheckSignatureFrom(chain[i+1]) != nil {
			return i + 1, true
		}
	}
	return 0, false
}

// certificates returns those of a PEM file, none if it cannot be read.
func certificates(file string) []*x509.Certificate {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var all []*x509.Certificate
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return all
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			all = append(all, c)
		}
	}
}

func amazonRoot(file string) bool {
	for _, c := range certificates(file) {
		if strings.Contains(c.Subject.CommonName, "Amazon Root CA ") || strings.HasPrefix(c.Subject.CommonName, "Starfield Services Root") {
			return true
		}
	}
	return false
}
