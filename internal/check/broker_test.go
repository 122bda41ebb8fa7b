package check

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// TestSecondClientID: what the broker refuses to the check's own id is the
// daemon's fault only if the daemon meets it as well.
func TestSecondClientID(t *testing.T) {
	refused := &status.Finding{Stage: "broker", Reason: status.ReasonUnsubscribed, Detail: "not allowed (SUBACK 0x80)", Hint: "allow it."}
	with := func(s *status.Condition) *examination {
		x := newExamination(Options{})
		x.config.MQTT.ClientID, x.config.Device.Thing = "gw-042", "gw-042"
		if s != nil {
			x.daemon = &status.Snapshot{Stages: []status.Condition{*s}}
		}
		return x
	}
	broker := func(state status.State, reason status.Reason) *status.Condition {
		return &status.Condition{Stage: "broker", State: state, Reason: reason, Detail: "10.0.6.105:8883"}
	}
	for name, tc := range map[string]struct {
		daemon                *status.Condition
		connect, subscribe    State
		connected, subscribed string
	}{
		"no daemon":              {nil, Warning, Warning, "client id gw-042-check: not allowed", "client id gw-042-check: not allowed"},
		"daemon well":            {broker(status.OK, status.ReasonConnected), Skipped, Skipped, "beside the daemon's, which is connected: 10.0.6.105:8883", "the daemon is subscribed"},
		"daemon not subscribed":  {broker(status.Degraded, status.ReasonUnsubscribed), Skipped, Error, "beside the daemon's", "not allowed (SUBACK 0x80)"},
		"daemon refused as well": {broker(status.Down, status.ReasonRefused), Error, Warning, "not allowed", "client id gw-042-check"},
	} {
		closed := *refused
		closed.Reason = status.ReasonRefused
		want(t, name+", CONNECT", judgeConnect(with(tc.daemon), &closed), tc.connect, tc.connected)
		want(t, name+", SUBSCRIBE", judgeSubscribe(with(tc.daemon), refused), tc.subscribe, tc.subscribed)
	}
	// What has nothing to do with the policy is an error whatever the daemon says.
	certificate := &status.Finding{Stage: "broker", Reason: status.ReasonTLS, Detail: "10.0.6.105:8883 refuses this device's certificate: revoked", Hint: "x"}
	well := with(broker(status.OK, status.ReasonConnected))
	want(t, "certificate refused", judgeConnect(well, certificate), Error, "refuses this device's certificate")
	want(t, "path lost", judgeSubscribe(well, &status.Finding{Stage: "broker", Reason: status.ReasonUnreachable, Detail: "no route", Hint: "x"}), Error, "no route")
	want(t, "granted", judgeSubscribe(with(nil), nil), OK, "$aws/things/gw-042/tunnels/notify")
	want(t, "accepted", judgeConnect(with(nil), nil), OK, "accepted with client id gw-042-check")
}

func TestSecured(t *testing.T) {
	leaf := &x509.Certificate{Issuer: pkix.Name{CommonName: "Amazon RSA 2048 M01"}, NotAfter: time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)}
	s := tls.ConnectionState{Version: tls.VersionTLS13, PeerCertificates: []*x509.Certificate{leaf}}
	const bare = "10.0.6.105:443: TLS 1.3, certificate of iot.example by Amazon RSA 2048 M01 until 2027-03-01"
	if got := secured("10.0.6.105:443", "iot.example", s).in(english()); got != bare {
		t.Errorf("got %s", got)
	}
	s.NegotiatedProtocol = "x-amzn-mqtt-ca"
	if got := secured("10.0.6.105:443", "iot.example", s).in(english()); got != bare+", ALPN x-amzn-mqtt-ca" {
		t.Errorf("with ALPN: %s", got)
	}
	if got := secured("10.0.6.105:443", "iot.example", tls.ConnectionState{}).in(english()); !strings.Contains(got, "10.0.6.105") {
		t.Errorf("without a certificate: %s", got)
	}
}
