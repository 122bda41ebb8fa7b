package mqtt

import (
	"context"
	"strings"
	"testing"

	"edgeagent/internal/lab/awsiot"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

// steps takes a trial as far as it goes and names the step that failed.
func steps(ctx context.Context, t *Trial) (string, *status.Finding) {
	defer t.Close()
	for _, step := range []struct {
		name string
		do   func(context.Context) *status.Finding
	}{{"dial", t.Dial}, {"connect", t.Connect}, {"subscribe", t.Subscribe}} {
		if f := step.do(ctx); f != nil {
			return step.name, f
		}
	}
	return "", nil
}

func TestTrial(t *testing.T) {
	for name, c := range map[string]struct {
		quirks awsiot.Quirks
		step   string
		reason status.Reason
		words  string
	}{
		"all well":           {quirks: awsiot.Quirks{}},
		"refused":            {awsiot.Quirks{ConnackCode: 7}, "connect", status.ReasonRefused, "CONNECT with code 7"},
		"closed":             {awsiot.Quirks{CloseOnConnect: true}, "connect", status.ReasonRefused, "closed right after CONNECT"},
		"no subscription":    {awsiot.Quirks{Subscribe: []string{"other"}}, "subscribe", status.ReasonUnsubscribed, "SUBACK 0x80"},
		"subscription kills": {awsiot.Quirks{Subscribe: []string{"other"}, SubscribeCloses: true}, "subscribe", status.ReasonUnsubscribed, "closed right after SUBSCRIBE"},
		"silence":            {awsiot.Quirks{NoSuback: true}, "subscribe", status.ReasonUnsubscribed, "no answer to SUBSCRIBE"},
	} {
		t.Run(name, func(t *testing.T) {
			r, broker := aws(t, c.quirks)
			step, f := steps(t.Context(), r.session.Try())
			if step != c.step {
				t.Fatalf("ends at step %q with %+v, want %q", step, f, c.step)
			}
			if f != nil && (f.Stage != "broker" || f.Reason != c.reason || !strings.Contains(f.Detail, c.words) || f.Hint == "") {
				t.Errorf("found %+v, want %s: %s, with a hint", f, c.reason, c.words)
			}
			if step == "" {
				seen(t, broker, "DISCONNECT", func() bool { return broker.Counts().Disconnects == 1 })
			}
			if len(broker.Messages()) > 0 {
				t.Errorf("a trial published: %+v", broker.Messages())
			}
		})
	}
}

// TestTrialWithoutBroker has nothing to close but must not mind.
func TestTrialWithoutBroker(t *testing.T) {
	t.Parallel()
	r := newRig(t, newCerts(t), newPath("127.0.0.1:1"))
	if step, f := steps(t.Context(), r.session.Try()); step != "dial" || f.Reason != status.ReasonUnreachable {
		t.Errorf("step %q, %+v", step, f)
	}
}

func TestTrialExpiredCertificate(t *testing.T) {
	t.Parallel()
	r := newRig(t, newCerts(t, pki.Expired()), newPath("127.0.0.1:1"))
	if step, f := steps(t.Context(), r.session.Try()); step != "dial" || f.Reason != status.ReasonCertExpired {
		t.Errorf("step %q, %+v", step, f)
	}
}
