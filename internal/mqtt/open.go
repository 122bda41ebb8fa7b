package mqtt

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"fmt"

	paho "github.com/eclipse/paho.mqtt.golang"

	"edgeagent/internal/status"
)

// CONNACK codes of MQTT 3.1.1, table 3.1. AWS IoT Core also uses codes above
// them, such as 7 for a CONNECT that its policy does not allow.
const (
	codeProtocol      = 1
	codeIdentifier    = 2
	codeUnavailable   = 3
	codeCredentials   = 4
	codeNotAuthorised = 5
)

var connackText = map[byte]string{
	codeProtocol:      "it does not speak MQTT 3.1.1",
	codeIdentifier:    "the client id is not accepted",
	codeUnavailable:   "the broker is unavailable",
	codeCredentials:   "bad user name or password",
	codeNotAuthorised: "not authorised: " + policyCauses,
}

const policyCauses = "IoT policy, client id, or VPC endpoint condition (aws:SourceVpce)"

// open sends CONNECT on c and waits for CONNACK. On failure c is closed.
func (s *Session) open(ctx context.Context, c *conn, id *identity, report status.Report) (*live, *fault) {
	l := &live{s: s, conn: c, leaf: id.leaf, report: report, lost: make(chan error, 1)}
	l.client = paho.NewClient(s.clientOptions(l))
	unhook := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer unhook()
	token := l.client.Connect()
	<-token.Done() // at the latest when the deadline for CONNACK or ctx has closed c
	if err := token.Error(); err != nil {
		_ = c.Close()
		return nil, s.refused(c, err, id.leaf)
	}
	s.connects++
	l.present = token.(*paho.ConnectToken).SessionPresent()
	if !s.accepted() {
		l.leave()
		return nil, &fault{
			state: status.Starting, reason: status.ReasonConnecting, retry: RetryNow,
			detail: s.address.String() + ": accepted without a persistent session; asking once more with one",
		}
	}
	return l, nil
}

func (s *Session) clientOptions(l *live) *paho.ClientOptions {
	o := paho.NewClientOptions()
	o.AddBroker("tcp://" + s.address.String()) // a label: the connection is there already
	o.SetCustomOpenConnectionFn(l.connection)
	o.SetProtocolVersion(4) // else each failure is tried again as MQTT 3.1
	o.SetClientID(s.o.MQTT.ClientID)
	o.SetCleanSession(!s.o.MQTT.PersistentSession || !s.keep.ask())
	o.SetAutoReconnect(false)
	o.SetConnectRetry(false)
	o.SetKeepAlive(0) // conn does it
	o.SetOrderMatters(true)
	o.SetConnectTimeout(connackTimeout)
	o.SetWriteTimeout(handoverTimeout)
	o.SetDefaultPublishHandler(s.deliver) // a kept session delivers before SUBACK
	o.SetConnectionLostHandler(func(_ paho.Client, err error) { l.lost <- err })
	if topic := s.o.MQTT.StatusTopic; topic != "" {
		o.SetBinaryWill(topic, s.offline(), maxQoS, true)
	}
	return o
}

// offline is the last will, and the last message before an orderly end.
func (s *Session) offline() []byte {
	data, _ := json.Marshal(struct {
		Schema int    `json:"schema"`
		Device string `json:"device"`
		State  string `json:"state"`
	}{status.Schema, s.o.Board.Snapshot().Device, "offline"})
	return data
}

// refused says why CONNECT did not lead to a session. err is what paho makes of
// it; c knows better.
func (s *Session) refused(c *conn, err error, leaf *x509.Certificate) *fault {
	where := s.address.String()
	code := c.connackCode()
	err = c.why(err)
	if alert := alertIn(err); alert != "" {
		return alertFault(where, alert, leaf)
	}
	switch {
	case code != 0:
		return s.policyFault(code, fmt.Sprintf("%s answers CONNECT with code %d: %s", where, code, connack(code)))
	case !c.lastHeard().IsZero():
		return unreachable("%s: what answers is not an MQTT broker", where)
	case closedByPeer(err):
		f := s.policyFault(codeNotAuthorised, fmt.Sprintf("%s: closed right after CONNECT: %s", where, policyCauses))
		f.retry = RetryCrowd // an account over its quota of CONNECTs looks no different
		return f
	case timedOut(err):
		return unreachable("%s: TLS is up, but no answer to CONNECT within %s", where, connackTimeout)
	}
	return unreachable("%s: %s", where, plain(err, connackTimeout))
}

func connack(code byte) string {
	if text, ok := connackText[code]; ok {
		return text
	}
	return "outside MQTT 3.1.1, AWS IoT's not authorised: " + policyCauses
}

// policyFault is a CONNECT that was refused with code, or in its spirit. Where a
// policy may be behind it, a persistent session is suspected after a while.
func (s *Session) policyFault(code byte, detail string) *fault {
	f := &fault{reason: status.ReasonRefused, detail: detail}
	if code == codeUnavailable {
		f.retry = RetryCrowd
	}
	if code < codeCredentials {
		return f
	}
	var also string
	if s.o.MQTT.PersistentSession {
		s.keep.refused()
		also += " If the policy forbids persistent sessions, set mqtt.persistent_session: false."
	}
	if topic := s.o.MQTT.StatusTopic; topic != "" {
		also += " The policy must allow iot:Publish and iot:RetainPublish on " + topic + ", for the last will."
	}
	if also != "" {
		f.hint = fmt.Sprintf("check iot:Connect for client/%s in the IoT policy and aws:SourceVpce.%s", s.o.MQTT.ClientID, also)
	}
	return f
}
