package awsiot

import (
	"slices"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// Counts are running totals since Start.
type Counts struct {
	Accepts     int // TCP connections
	TLSFailures int
	Connects    int // CONNECT packets
	Throttled   int // of those, the ones that came within a second of another with the same client id
	Sessions    int // accepted CONNECTs
	Ended       int // sessions that are over
	Disconnects int // of those, the ones that ended with DISCONNECT
	Subscribes  int // SUBSCRIBE packets
	Published   int // messages from clients that were taken, wills included
}

// Connect is a CONNECT as it came in.
type Connect struct {
	ClientID  string
	KeepAlive uint16 // seconds, as asked for
	Clean     bool
	Will      bool
	From      string // address and port
	At        time.Time
}

// Message is what a client published.
type Message struct {
	ClientID, Topic string
	Payload         []byte
	QoS             byte
	Retain, Will    bool
	At              time.Time
}

// record is what the Broker has seen.
type record struct {
	connects   []Connect
	messages   []Message
	subscribed []string
	violations []string
	asked      map[string]bool        // subscriptions that the policy allows, by client id and filter
	last       map[string]time.Time   // CONNECT by client id
	sent       map[string][]time.Time // publishes of the last second by client id
}

func newRecord() record {
	return record{asked: map[string]bool{}, last: map[string]time.Time{}, sent: map[string][]time.Time{}}
}

// note changes what is recorded and wakes whoever waits for it.
func (b *Broker) note(change func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	change()
	close(b.changed)
	b.changed = make(chan struct{})
}

// Changed returns a channel that is closed when anything more is recorded. Take
// it before looking, or a change in between is missed.
func (b *Broker) Changed() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.changed
}

// connected records c and reports whether it keeps the quota.
func (b *Broker) connected(c Connect) (inTime bool) {
	b.note(func() {
		b.counts.Connects++
		b.log.connects = append(b.log.connects, c)
		last, again := b.log.last[c.ClientID]
		inTime = !again || c.At.Sub(last) >= connectInterval
		b.log.last[c.ClientID] = c.At
		if !inTime {
			b.counts.Throttled++
		}
	})
	return inTime
}

func (b *Broker) published(m Message) {
	b.note(func() {
		b.counts.Published++
		b.log.messages = append(b.log.messages, m)
	})
}

// asked reports, once, that the policy has allowed a subscription: mochi asks the
// same question about a filter and about each message for it.
func (b *Broker) asked(clientID, filter string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := clientID + "\x00" + filter
	was := b.log.asked[key]
	delete(b.log.asked, key)
	return was
}

// rate counts a publish and returns how many the client sent in the last second.
func (b *Broker) rate(clientID string, now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	recent := slices.DeleteFunc(b.log.sent[clientID], func(t time.Time) bool { return now.Sub(t) >= time.Second })
	b.log.sent[clientID] = append(recent, now)
	return len(recent) + 1
}

func message(clientID string, pk packets.Packet) Message {
	return Message{
		ClientID: clientID, Topic: pk.TopicName, Payload: slices.Clone(pk.Payload),
		QoS: pk.FixedHeader.Qos, Retain: pk.FixedHeader.Retain, At: time.Now(),
	}
}

// Counts returns the totals so far.
func (b *Broker) Counts() Counts {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.counts
}

// Connects returns every CONNECT so far, the refused ones included.
func (b *Broker) Connects() []Connect {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log.connects)
}

// Messages returns what clients have published so far, wills included.
func (b *Broker) Messages() []Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log.messages)
}

// Subscribed returns the filters that were granted so far.
func (b *Broker) Subscribed() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log.subscribed)
}

// Violations returns why connections were closed for what they sent.
func (b *Broker) Violations() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.log.violations)
}
