package mqtt

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"edgeagent/internal/status"
)

// Alerts that speak of this device's certificate, not of TLS itself (RFC 8446,
// 6.2), in the words of crypto/tls.
var certificateAlerts = []string{"certificate", "access denied"}

// alertIn returns the alert that the far side sent, or "".
func alertIn(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return strings.TrimPrefix(op.Err.Error(), "tls: ")
	}
	return ""
}

// alertFault words an alert from the broker at where. It is about leaf, this
// device's certificate, if the alert names a certificate.
func alertFault(where, alert string, leaf *x509.Certificate) *fault {
	f := &fault{reason: status.ReasonTLS}
	for _, word := range certificateAlerts {
		if strings.Contains(alert, word) {
			f.detail = fmt.Sprintf("%s refuses this device's certificate: %s", where, alert)
			f.hint = "check that the certificate is registered and active in AWS IoT, and that mqtt.cert is the right file."
			if strings.Contains(alert, "expired") {
				f.detail += fmt.Sprintf("; it is valid until %s by this device's clock", day(leaf.NotAfter))
				f.hint = "compare this device's clock with the true time; renew the certificate if it is right."
			}
			return f
		}
	}
	f.detail = fmt.Sprintf("%s ends TLS: %s", where, alert)
	return f
}

// tlsFault says what is wrong with a TLS handshake with the broker at where.
func (s *Session) tlsFault(where string, err error, leaf *x509.Certificate) *fault {
	if alert := alertIn(err); alert != "" {
		return alertFault(where, alert, leaf)
	}
	if f := s.verifyFault(where, err); f != nil {
		return f
	}
	var timeout net.Error
	switch {
	case errors.As(err, &timeout) && timeout.Timeout():
		return unreachable("%s: no answer to TLS within %s", where, handshakeTimeout)
	case closedByPeer(err):
		// A certificate that is not accepted comes as an alert nearly always.
		return &fault{
			reason: status.ReasonTLS, detail: where + ": closed during the TLS handshake",
			hint: "find what cuts connections on the way, as firewalls do; check that the certificate is active in AWS IoT.",
		}
	}
	return &fault{reason: status.ReasonTLS, detail: fmt.Sprintf("%s: %s", where, plain(err, handshakeTimeout))}
}

// verifyFault says why the broker's certificate was not accepted, nil if err is
// something else.
func (s *Session) verifyFault(where string, err error) *fault {
	f := &fault{reason: status.ReasonTLS}
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var any *tls.CertificateVerificationError
	switch {
	case errors.As(err, &authority):
		f.detail = fmt.Sprintf("%s: its certificate, issued by %q, does not lead to the CA in %s",
			where, issuer(authority.Cert), s.o.MQTT.CA)
	case errors.As(err, &name):
		f.detail = fmt.Sprintf("%s: its certificate is for %s, not for %s", where, names(name.Certificate), name.Host)
		f.hint = "check endpoint.host, and that the private hosted zone's record leads to the right VPC endpoint."
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return datesFault(where, invalid.Cert, time.Now())
	case errors.As(err, &any):
		f.detail = fmt.Sprintf("%s: its certificate does not verify: %v", where, any.Err)
	default:
		return nil
	}
	return f
}

// datesFault is about a broker certificate that is not valid now. AWS never
// serves one that is still to begin: then it is the clock.
func datesFault(where string, cert *x509.Certificate, now time.Time) *fault {
	if now.Before(cert.NotBefore) {
		return &fault{reason: status.ReasonClock, detail: fmt.Sprintf(
			"%s: its certificate begins on %s, this device's clock says %s", where, day(cert.NotBefore), day(now))}
	}
	return &fault{
		reason: status.ReasonTLS,
		detail: fmt.Sprintf("%s: its certificate expired on %s, this device's clock says %s", where, day(cert.NotAfter), day(now)),
		hint:   "compare this device's clock with the true time; if it is right, the broker's certificate must be renewed.",
	}
}

func day(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 MST") }

func issuer(cert *x509.Certificate) string {
	if cert == nil {
		return "unknown"
	}
	return cert.Issuer.CommonName
}

func names(cert *x509.Certificate) string {
	if len(cert.DNSNames) == 0 {
		return cert.Subject.CommonName
	}
	return strings.Join(cert.DNSNames, ", ")
}
