package awsiot

import (
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// Quirks are the ways of AWS that can be turned on and off. The zero value
// accepts every client and every topic, within the quotas.
type Quirks struct {
	// ConnackCode, if not 0, answers every CONNECT with this code and closes.
	ConnackCode byte
	// CloseOnConnect closes right after CONNECT, without CONNACK.
	CloseOnConnect bool
	// ConnackDelay is how long CONNECT waits for its answer.
	ConnackDelay time.Duration
	// SourceVPCE closes right after CONNECT from any other address, as a policy
	// with aws:SourceVpce does. Empty: all are accepted.
	SourceVPCE []netip.Prefix
	// ForbidPersistent closes right after CONNECT with a persistent session.
	ForbidPersistent bool
	// Publish and Subscribe are topic filters that the policy allows. Nil: all.
	Publish, Subscribe []string
	// SubscribeCloses closes on a SUBSCRIBE that is not allowed. Else it is
	// answered with 0x80.
	SubscribeCloses bool
	// Grants is the policy of the device. Nil: the lists above stand for it.
	Grants *Grants
	// NoSuback leaves SUBSCRIBE without an answer.
	NoSuback bool
}

// Set changes the quirks. Connections that are open keep what they have.
func (b *Broker) Set(change func(*Quirks)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change(&b.quirks)
}

func (b *Broker) now() Quirks {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.quirks
}

// connects reports whether the policy lets a client connect in this way.
func (q *Quirks) connects(c *packets.ConnectParams) bool {
	if q.Grants == nil {
		return (!q.ForbidPersistent || c.Clean) && (!c.WillFlag || allowed(q.Publish, c.WillTopic))
	}
	var attributes []string
	if !c.Clean {
		attributes = append(attributes, persistentConnect)
	}
	if c.WillFlag {
		attributes = append(attributes, lastWill)
	}
	return q.Grants.Allows("iot:Connect", "client/"+c.ClientIdentifier, attributes...) &&
		(!c.WillFlag || q.publishes(c.WillTopic, c.WillRetain))
}

// publishes reports whether the policy lets a client publish.
func (q *Quirks) publishes(topic string, retain bool) bool {
	if q.Grants == nil {
		return allowed(q.Publish, topic)
	}
	return q.Grants.Allows("iot:Publish", "topic/"+topic) && (!retain || q.Grants.Allows("iot:RetainPublish", "topic/"+topic))
}

// subscribes reports whether the policy lets a client subscribe.
func (q *Quirks) subscribes(filter string) bool {
	if q.Grants == nil {
		return allowed(q.Subscribe, filter)
	}
	return q.Grants.Allows("iot:Subscribe", "topicfilter/"+filter)
}

// receives reports whether the policy lets a client get a message. AWS leaves out
// what it does not allow, without a word.
func (q *Quirks) receives(topic string) bool {
	if q.Grants == nil {
		return allowed(q.Subscribe, topic)
	}
	return q.Grants.Allows("iot:Receive", "topic/"+topic)
}

// accepts reports whether CONNECT may come from addr.
func (q *Quirks) accepts(addr net.Addr) bool {
	if len(q.SourceVPCE) == 0 {
		return true
	}
	from, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return false
	}
	for _, p := range q.SourceVPCE {
		if p.Contains(from.Addr().Unmap()) {
			return true
		}
	}
	return false
}

// allowed reports whether one of filters matches topic, or all is allowed.
func allowed(filters []string, topic string) bool {
	if filters == nil {
		return true
	}
	for _, f := range filters {
		if matches(strings.Split(f, "/"), strings.Split(topic, "/")) {
			return true
		}
	}
	return false
}

// matches applies MQTT's wildcards (3.1.1, 4.7).
func matches(filter, topic []string) bool {
	for i, level := range filter {
		switch {
		case level == "#":
			return true
		case i >= len(topic), level != "+" && level != topic[i]:
			return false
		}
	}
	return len(filter) == len(topic)
}
