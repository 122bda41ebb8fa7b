package mqtt

import (
	"context"
	"crypto/tls"
	"fmt"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/status"
)

// Trial is one attempt to connect, taken step by step by somebody who wants to
// know how far it comes: Dial, Connect, Subscribe, and Close whatever happened.
// Nothing is published, and no message is taken.
type Trial struct {
	s    *Session
	id   *identity
	conn *conn
	live *live
}

// Try begins a Trial. The Session must not run.
func (s *Session) Try() *Trial { return &Trial{s: s} }

// Address returns the broker's address that the last step was about.
func (t *Trial) Address() string { return t.s.address.String() }

// Dial reads the certificates and completes TLS with the first address that
// answers. A nil Finding is success, here and below.
func (t *Trial) Dial(ctx context.Context) *status.Finding {
	var f *fault
	if t.id, f = t.s.identify(time.Now()); f != nil {
		return f.finding()
	}
	if t.conn, f = t.s.dial(ctx, t.id); f != nil {
		return f.finding()
	}
	return nil
}

// TLS returns what was agreed on with the broker, after a Dial that succeeded.
func (t *Trial) TLS() tls.ConnectionState {
	if secure, ok := t.conn.Conn.(*tls.Conn); ok {
		return secure.ConnectionState()
	}
	return tls.ConnectionState{}
}

// Connect sends CONNECT and waits for CONNACK.
func (t *Trial) Connect(ctx context.Context) *status.Finding {
	var f *fault
	if t.live, f = t.s.open(ctx, t.conn, t.id, func(status.Update) {}); f != nil {
		return f.finding()
	}
	return nil
}

// Subscribe asks for the tunnel notifications, which the trial's clean session
// takes with it when it ends.
func (t *Trial) Subscribe(ctx context.Context) *status.Finding {
	topic := t.s.notifyTopic()
	ctx, cancel := context.WithTimeout(ctx, subackTimeout)
	defer cancel()
	token := t.live.client.Subscribe(topic, maxQoS, nil)
	var f *fault
	select {
	case <-token.Done():
		f = t.granted(token.(*paho.SubscribeToken), topic)
	case <-t.conn.dead:
		f = t.live.broken(t.conn.cause)
	case err := <-t.live.lost:
		f = t.live.broken(t.conn.why(err))
	case <-ctx.Done():
		f = &fault{reason: status.ReasonUnsubscribed, detail: fmt.Sprintf("no answer to SUBSCRIBE within %s", subackTimeout)}
	}
	if f != nil {
		return f.finding()
	}
	return nil
}

// granted looks at the SUBACK, or at why there is none.
func (t *Trial) granted(token *paho.SubscribeToken, topic string) *fault {
	code, answered := token.Result()[topic]
	switch err := token.Error(); {
	case err != nil:
		return t.live.broken(t.conn.why(err))
	case !answered || code > maxQoS:
		return &fault{reason: status.ReasonUnsubscribed,
			detail: fmt.Sprintf("the IoT policy does not allow subscribing to %s (SUBACK 0x%02X)", topic, code)}
	}
	return nil
}

// Close takes leave of the broker, within half a second.
func (t *Trial) Close() {
	switch {
	case t.live != nil:
		t.live.leave()
	case t.conn != nil:
		_ = t.conn.Close()
	}
}

func (f *fault) finding() *status.Finding {
	hint := f.hint
	if hint == "" {
		hint = status.Hint("broker", f.reason)
	}
	return &status.Finding{Stage: "broker", Reason: f.reason, Detail: f.detail, Hint: hint}
}
