package vpn

import (
	"net/netip"
	"strings"
	"testing"

	"edgeagent/internal/status"
)

// Lines that no recorded session has: other versions, rarer faults.
func TestDiagnose(t *testing.T) {
	tests := []struct {
		line   string
		reason status.Reason // empty: not a cause
		text   string
		pace   pace
	}{
		{"VERIFY ERROR: depth=0, error=unable to get local issuer certificate: CN=server", status.ReasonServerCert, "not from the CA", slow},
		{"VERIFY ERROR: depth=1, error=self-signed certificate in certificate chain: CN=ca", status.ReasonServerCert, "not from the CA", slow},
		{"VERIFY ERROR: depth=0, error=certificate is not yet valid: CN=server, serial=2", status.ReasonServerCert, "clock is behind", fast},
		{"VERIFY ERROR: depth=0, error=certificate has expired: CN=server, serial=2", status.ReasonServerCert, "has expired (CN=server, serial=2)", fast},
		{"VERIFY ERROR: depth=0, error=certificate revoked: CN=server, serial=2", status.ReasonServerCert, "certificate revoked (CN=server, serial=2)", slow},
		{"VERIFY EKU ERROR", status.ReasonServerCert, "not one of a VPN server", slow},
		{"VERIFY SCRIPT ERROR: depth=0, CN=x", status.ReasonBadConfig, "no scripts are run", slow},
		{"OpenSSL: error:0A000418:SSL routines::tlsv1 alert unknown ca:SSL alert number 48", status.ReasonCertRejected, "alert unknown ca", slow},
		{"OpenSSL: error:14094415:SSL routines:ssl3_read_bytes:sslv3 alert certificate expired", status.ReasonCertRejected, "alert certificate expired", slow},
		{"Cannot load inline certificate file", status.ReasonCertRejected, "cannot use the client certificate", slow},
		{"AUTH: Received control message: AUTH_FAILED,Session limit reached", status.ReasonAuthFailed, "refuses this device: Session limit reached", slow},
		{"AUTH: Received control message: AUTH_FAILED,TEMP[backoff 42]:try later", status.ReasonAuthFailed, "[backoff 42]:try later", fast},
		{"Halt command was pushed by server ('bye')", status.ReasonServerHalt, "to stop: bye", halted},
		{"ERROR: Cannot ioctl TUNSETIFF tun: Operation not permitted (errno=1)", status.ReasonTunUnavailable, "Operation not permitted", fast},
		{"OPTIONS ERROR: failed to negotiate cipher with server.  Add the server's cipher", status.ReasonBadConfig, "no cipher in common", slow},
		{"RESOLVE: Cannot resolve host address: vpn.example:443 (Name or service not known)", status.ReasonNoName, "vpn.example:443 does not resolve", fast},
		{"VERIFY OK: depth=0, CN=server", "", "", fast},
		{"Options error: Unrecognized option or missing or extra parameter(s) in [PUSH-OPTIONS]:2: block-outside-dns (2.6.14)", "", "", fast},
		{"WARNING: ignoring --remote-random-hostname because the hostname is an IP address", "", "", fast},
	}
	for _, tt := range tests {
		c := new(attempt).diagnose(tt.line)
		switch {
		case c == nil && tt.reason == "":
		case c == nil || c.reason != tt.reason || !strings.Contains(c.text, tt.text) || c.pace != tt.pace:
			t.Errorf("%q: %+v, want %s %q", tt.line, c, tt.reason, tt.text)
		}
	}
}

func TestRestartedTellsTheSameWordsApart(t *testing.T) {
	server := netip.MustParseAddrPort("203.0.113.10:443")
	tests := []struct {
		name string
		a    attempt
		why  string
		want status.Reason
		text string
	}{
		{"nobody", attempt{}, "server_poll", status.ReasonNoAnswer, "203.0.113.10:443 does not answer"},
		{"nobody at the port", attempt{refused: true}, "server_poll", status.ReasonNoAnswer, "no VPN server listens there"},
		{"cut in the handshake", attempt{answered: true}, "tls-error", status.ReasonNoAnswer, "answered, then fell silent"},
		{"our certificate", attempt{answered: true, verified: true}, "tls-error", status.ReasonCertRejected, "after it was shown the client certificate"},
		{"no route", attempt{}, "network-unreachable", status.ReasonNoUplink, "there is no route to 203.0.113.10:443"},
		{"a named cause outranks all", attempt{verified: true, found: &cause{reason: status.ReasonServerCert}}, "tls-error", status.ReasonServerCert, ""},
	}
	for _, tt := range tests {
		tt.a.server = server
		if c := tt.a.restarted(tt.why); c.reason != tt.want || !strings.Contains(c.text, tt.text) {
			t.Errorf("%s: %+v, want %s %q", tt.name, c, tt.want, tt.text)
		}
	}
}

func TestAfterTime(t *testing.T) {
	for text, want := range map[string]string{
		"2026-11-21 21:26:08 Cannot load certificate file x":      "Cannot load certificate file x",
		"Sat Jul 17 09:47:16 2021 Cannot load certificate file x": "Cannot load certificate file x",
		"Options error: --ca fails":                               "Options error: --ca fails",
		"":                                                        "",
	} {
		if got := afterTime(text); got != want {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestPlain(t *testing.T) {
	if got := plain("a\x1b[31mred\nline\x00"); got != "a [31mred line " {
		t.Errorf("%q", got)
	}
	if got := plain(strings.Repeat("é", 1000)); len([]rune(got)) != maxDetail+3 {
		t.Errorf("%d runes", len([]rune(got)))
	}
}
