package mqtt

import "time"

// How long each step of a connection may take.
const (
	DialTimeout      = 5 * time.Second  // one address; then the next is tried
	handshakeTimeout = 10 * time.Second // TLS: a few round trips of a slow cellular link
	connackTimeout   = 10 * time.Second
	subackTimeout    = 5 * time.Second
	pubackTimeout    = 30 * time.Second // nothing waits for it but the next status
	writeTimeout     = 5 * time.Second  // a full send buffer that long is a dead path
	handoverTimeout  = time.Second      // from a caller to paho's writing goroutine
)

// How a live session is watched and left.
const (
	proofTimeout   = 5 * time.Second  // a PINGREQ sent because the path is in doubt
	PingTimeout    = 10 * time.Second // a PINGREQ in good times: two lost segments are no reason to reconnect
	offlineTimeout = 300 * time.Millisecond
	collectTimeout = 200 * time.Millisecond // for paho's goroutines, after the connection is closed
	leaveTimeout   = 500 * time.Millisecond // all of an orderly end, offline message and DISCONNECT included
)

// How connection attempts are paced.
const (
	// connectGap keeps CONNECTs apart. AWS IoT Core takes one a second for a
	// client id and the network may push two closer together than they were sent.
	connectGap = 1200 * time.Millisecond
	backoffMin = 2 * time.Second
	backoffMax = 5 * time.Minute
	// livedFor is how long a session must have carried the path for its end to
	// count as the first failure, retried within firstRetry.
	livedFor   = 30 * time.Second
	firstRetry = time.Second
	// recheckLocal is the pause before a fault of the device itself (its clock,
	// its files) is looked at again. Nothing is sent for it.
	recheckLocal = 10 * time.Second
)

// How a fleet whose size is known comes back.
const (
	// turnRate is how many devices a second have their turn: AWS IoT Core takes
	// 500 CONNECTs a second for an account by default and refuses the rest
	// (https://docs.aws.amazon.com/general/latest/gr/iot-core.html). The others are
	// for what reconnects anyway, and for the unevenness of chance.
	turnRate = 450.0
	// turnTries times a device that was refused in its turn tries again within
	// this part of the window.
	turnTries, turnAgain = 3, 16
)

// How a second device with our client id is recognised: the broker closes one
// healthy session after the other soon after it was opened. The first limit
// tells it from chance, the second holds while both sides back off.
const (
	rivalCloses      = 3
	rivalWithin      = time.Minute
	rivalStillWithin = 10 * time.Minute
	rivalBackoffMin  = time.Minute
	rivalBackoffMax  = 4 * time.Minute // plus up to rivalBackoffMin of jitter
)

// How refusals by policy are dealt with.
const (
	// cleanAfter is how many refused CONNECTs in a row with a persistent session
	// lead to one without: the policy may forbid just that.
	cleanAfter = 2
	// cleanAfterKept is the same where a persistent session was accepted before:
	// half an hour of back-off. An endpoint that is overrun by a whole fleet may
	// refuse a device ten times, and none of them must cost the messages kept for it.
	cleanAfterKept = 16
	// mutedAfter is how many sessions in a row must end on a status message for
	// the topic to be left alone for mutedFor.
	mutedAfter = 2
	mutedFor   = time.Hour
)

// statusGap is the least time between two messages to the status topic.
const statusGap = 10 * time.Second

// statusSettle is how long the stages that waited for the session have to start:
// the message that opens it would say "waiting", and stand for statusGap.
const statusSettle = 250 * time.Millisecond

// maxPacket bounds what the broker may make this device buffer. AWS never sends
// more than 128 KB and a topic; other brokers can, and the tunnel stage then
// says why it dropped the message.
const maxPacket = 1 << 20
