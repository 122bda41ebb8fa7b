package check

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"strings"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/vpn"
)

// soon is how long before its end a certificate is worth a warning.
const soon = 30 * 24 * time.Hour

// holder is a certificate and what it is for.
type holder struct {
	what string
	cert *x509.Certificate
}

// checkDates looks at the dates of this device's certificates, and whether the
// CA is one that AWS IoT's ATS endpoints use.
// https://docs.aws.amazon.com/iot/latest/developerguide/server-authentication.html
func checkDates(_ context.Context, x *examination) outcome {
	var good []string
	var late *outcome
	now := time.Now()
	for _, h := range holders(x) {
		c := h.cert
		until := fmt.Sprintf("%s until %s", h.what, c.NotAfter.UTC().Format(time.DateOnly))
		switch {
		case now.After(c.NotAfter):
			return fault(fmt.Sprintf("%s expired on %s", h.what, minute(c.NotAfter)), "replace the certificate and its key by new ones; if the date is wrong, see `edgeagent check clock`.")
		case now.Before(c.NotBefore):
			return fault(fmt.Sprintf("%s begins on %s, the clock says %s", h.what, minute(c.NotBefore), minute(now)), setClock)
		case now.Add(soon).After(c.NotAfter) && late == nil:
			o := warning(fmt.Sprintf("%s ends in %d days", until, int(c.NotAfter.Sub(now).Hours()/24)), "issue a new certificate before that day.")
			late = &o
		}
		good = append(good, until)
	}
	switch {
	case late != nil:
		return *late
	case len(good) == 0:
		return skipped("no certificate could be read")
	case !amazonRoot(x.config.MQTT.CA):
		return warning(x.config.MQTT.CA+" has no Amazon root certificate", "download Amazon Root CA 1 from https://www.amazontrust.com/repository/ to `mqtt.ca`.")
	}
	return ok(strings.Join(good, ", "))
}

func holders(x *examination) []holder {
	var all []holder
	for _, c := range certificates(x.config.MQTT.Cert) {
		all = append(all, holder{"IoT certificate", c})
		break // what follows is its chain
	}
	for _, l := range x.config.Links {
		if l.Type != config.LinkOpenVPN {
			continue
		}
		if in, err := vpn.Inspect(l); err == nil && in.Certificate != nil {
			all = append(all, holder{"VPN certificate of " + l.Name, in.Certificate})
		}
	}
	return all
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
