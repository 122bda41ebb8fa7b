package mqtt

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// AWS IoT Core's quotas for one connection. A message beyond one of them costs
// the connection, so each is checked before anything leaves.
// https://docs.aws.amazon.com/general/latest/gr/iot-core.html#message-broker-limits
const (
	maxTopicBytes   = 256
	maxTopicSlashes = 7 // not counting a reserved prefix
	maxPayloadBytes = 128 << 10
	maxClientID     = 128 // bytes
	maxPublishRate  = 100 // a second
	maxInFlight     = 100 // unacknowledged QoS 1 publishes
	maxQoS          = 1
	maxFilters      = 8 // in one SUBSCRIBE

	reservedPrefix = "$aws/"
)

// checkClientID returns an error that says which quota id exceeds.
func checkClientID(id string) error {
	switch {
	case id == "":
		return fmt.Errorf("the client id is empty")
	case len(id) > maxClientID:
		return fmt.Errorf("the client id has %d bytes: AWS IoT accepts %d", len(id), maxClientID)
	}
	return nil
}

// checkTopic returns an error that says which quota or rule a topic to publish
// to breaks.
func checkTopic(topic string) error {
	levels := strings.TrimPrefix(topic, reservedPrefix)
	switch {
	case topic == "":
		return fmt.Errorf("the topic is empty")
	case !utf8.ValidString(topic) || strings.ContainsAny(topic, "+#\x00"):
		return fmt.Errorf("the topic %q has a wildcard or a character that MQTT forbids", topic)
	case len(topic) > maxTopicBytes:
		return fmt.Errorf("the topic has %d bytes: AWS IoT accepts %d", len(topic), maxTopicBytes)
	case strings.Count(levels, "/") > maxTopicSlashes:
		return fmt.Errorf("the topic %q has %d slashes: AWS IoT accepts %d",
			topic, strings.Count(levels, "/"), maxTopicSlashes)
	}
	return nil
}

// checkFilters returns an error if one SUBSCRIBE cannot carry filters.
func checkFilters(filters ...string) error {
	if len(filters) > maxFilters {
		return fmt.Errorf("%d filters in one SUBSCRIBE: AWS IoT accepts %d", len(filters), maxFilters)
	}
	for _, f := range filters {
		if err := checkTopic(f); err != nil {
			return err
		}
	}
	return nil
}

// quota admits publishes of one connection. It is not safe for concurrent use.
type quota struct {
	second time.Time // when the current second began
	sent   int       // in it
}

// admit returns an error if the message must not be sent now. inFlight is the
// number of publishes without PUBACK.
func (q *quota) admit(topic string, payload []byte, qos byte, inFlight int, now time.Time) error {
	if err := checkTopic(topic); err != nil {
		return err
	}
	if now.Sub(q.second) >= time.Second {
		q.second, q.sent = now, 0
	}
	switch {
	case len(payload) > maxPayloadBytes:
		return fmt.Errorf("a message of %d bytes: AWS IoT accepts %d", len(payload), maxPayloadBytes)
	case qos > maxQoS:
		return fmt.Errorf("a message with QoS %d: AWS IoT accepts %d", qos, maxQoS)
	case qos > 0 && inFlight >= maxInFlight:
		return fmt.Errorf("%d messages without an answer: AWS IoT accepts %d", inFlight, maxInFlight)
	case q.sent >= maxPublishRate:
		return fmt.Errorf("more than %d messages in a second", maxPublishRate)
	}
	q.sent++
	return nil
}
