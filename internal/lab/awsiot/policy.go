package awsiot

import (
	"bytes"
	"errors"
	"strings"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/packets"
)

// AWS IoT Core's limits.
// https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
const (
	maxKeepAlive    = 230 // seconds, behind a VPC endpoint
	maxPayload      = 128 << 10
	maxTopicBytes   = 256
	maxTopicSlashes = 7
	maxClientID     = 128
	maxFilters      = 8
	maxPublishRate  = 100 // a second
	connectInterval = time.Second
)

// errRefused ends a connection for which AWS has no word.
var errRefused = errors.New("refused by the policy")

// policy is mochi's hook: everything that AWS decides.
type policy struct {
	mochi.HookBase
	b *Broker
}

// ID names the hook.
func (p *policy) ID() string { return "aws-policy" }

// Provides implements mochi.Hook.
func (p *policy) Provides(kind byte) bool {
	return bytes.IndexByte([]byte{
		mochi.OnConnect, mochi.OnConnectAuthenticate, mochi.OnACLCheck, mochi.OnSubscribe,
		mochi.OnSubscribed, mochi.OnPublish, mochi.OnWillSent,
		mochi.OnSessionEstablish, mochi.OnSessionEstablished, mochi.OnDisconnect,
	}, kind) >= 0
}

// OnConnect refuses a CONNECT by an error: mochi closes without CONNACK.
func (p *policy) OnConnect(cl *mochi.Client, pk packets.Packet) error {
	c := &pk.Connect
	inTime := p.b.connected(Connect{
		ClientID: c.ClientIdentifier, KeepAlive: c.Keepalive, Clean: c.Clean,
		Will: c.WillFlag, From: cl.Net.Remote, At: time.Now(),
	})
	q := p.b.now()
	if !p.delay(q.ConnackDelay) || !inTime {
		return errRefused
	}
	if len(c.ClientIdentifier) > maxClientID {
		q.ConnackCode = packets.Err3ClientIdentifierNotValid.Code
	}
	if q.ConnackCode != 0 {
		_, _ = cl.Net.Conn.Write([]byte{packets.Connack << 4, 2, 0, q.ConnackCode})
		return errRefused
	}
	if q.CloseOnConnect || !q.accepts(cl.Net.Conn.RemoteAddr()) || !q.connects(c) {
		return errRefused
	}
	if cl.State.Keepalive == 0 || cl.State.Keepalive > maxKeepAlive {
		cl.State.Keepalive = maxKeepAlive // 3.1.1 cannot tell the client
	}
	return nil
}

func (p *policy) delay(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-p.b.ctx.Done():
		return false
	}
}

// OnConnectAuthenticate accepts: the certificate was checked by TLS.
func (p *policy) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

// OnSessionEstablish is called right before mochi hands the session over.
func (p *policy) OnSessionEstablish(cl *mochi.Client, _ packets.Packet) {
	cl.Net.Conn.(*session).handOver()
}

// OnSessionEstablished implements mochi.Hook.
func (p *policy) OnSessionEstablished(cl *mochi.Client, _ packets.Packet) {
	p.b.note(func() { p.b.counts.Sessions++ })
}

// OnDisconnect implements mochi.Hook.
func (p *policy) OnDisconnect(_ *mochi.Client, err error, _ bool) {
	p.b.note(func() {
		p.b.counts.Ended++
		if err == nil {
			p.b.counts.Disconnects++
		}
	})
}

// OnACLCheck is asked for each publish, each filter and each delivery.
func (p *policy) OnACLCheck(cl *mochi.Client, topic string, write bool) bool {
	q := p.b.now()
	if !write {
		return p.b.asked(cl.ID, topic) || q.receives(topic)
	}
	if q.publishes(topic, false) {
		return true
	}
	p.violation(cl, "publish to "+topic+" is not allowed")
	return false
}

// OnSubscribe closes where AWS does; mochi then finds the connection gone.
func (p *policy) OnSubscribe(cl *mochi.Client, pk packets.Packet) packets.Packet {
	if cl.Net.Inline {
		return pk
	}
	p.b.note(func() { p.b.counts.Subscribes++ })
	pk.PacketID |= idMark << 8
	q := p.b.now()
	if len(pk.Filters) > maxFilters {
		p.violation(cl, "more than 8 filters in a SUBSCRIBE")
	}
	for _, f := range pk.Filters {
		switch {
		case f.Qos > 1:
			p.violation(cl, "SUBSCRIBE with QoS 2")
		case (q.SubscribeCloses || q.Grants != nil) && !q.subscribes(f.Filter):
			p.violation(cl, "subscribe to "+f.Filter+" is not allowed")
		case q.Grants != nil:
			p.b.note(func() { p.b.log.asked[cl.ID+"\x00"+f.Filter] = true })
		}
	}
	return pk
}

// OnSubscribed implements mochi.Hook.
func (p *policy) OnSubscribed(cl *mochi.Client, pk packets.Packet, codes []byte) {
	for i, f := range pk.Filters {
		if !cl.Net.Inline && i < len(codes) && codes[i] <= 1 {
			p.b.note(func() { p.b.log.subscribed = append(p.b.log.subscribed, f.Filter) })
		}
	}
}

// OnPublish closes on a message beyond a quota and records every other.
func (p *policy) OnPublish(cl *mochi.Client, pk packets.Packet) (packets.Packet, error) {
	if cl.Net.Inline {
		return pk, nil
	}
	fault := p.exceeds(cl.ID, pk)
	if q := p.b.now(); fault == "" && pk.FixedHeader.Retain && !q.publishes(pk.TopicName, true) {
		fault = "a retained message to " + pk.TopicName + " is not allowed"
	}
	if fault != "" {
		p.violation(cl, fault)
		return pk, packets.ErrRejectPacket
	}
	p.b.published(message(cl.ID, pk))
	return pk, nil
}

// OnWillSent records a last will.
func (p *policy) OnWillSent(cl *mochi.Client, pk packets.Packet) {
	m := message(cl.ID, pk)
	m.Will = true
	p.b.published(m)
}

func (p *policy) exceeds(clientID string, pk packets.Packet) string {
	slashes := strings.Count(strings.TrimPrefix(pk.TopicName, "$aws/"), "/")
	switch {
	case len(pk.Payload) > maxPayload:
		return "a payload over 128 KB"
	case len(pk.TopicName) > maxTopicBytes:
		return "a topic over 256 bytes"
	case slashes > maxTopicSlashes:
		return "a topic with more than 7 slashes"
	case pk.FixedHeader.Qos > 1:
		return "a PUBLISH with QoS 2"
	case p.b.rate(clientID, time.Now()) > maxPublishRate:
		return "more than 100 publishes in a second"
	}
	return ""
}

// violation closes the connection without a word and remembers why. It is the
// socket that is closed, not mochi's client: that would count as a DISCONNECT
// and take the last will with it.
func (p *policy) violation(cl *mochi.Client, what string) {
	p.b.note(func() { p.b.log.violations = append(p.b.log.violations, what) })
	_ = cl.Net.Conn.Close()
}
