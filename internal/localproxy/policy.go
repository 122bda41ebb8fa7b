package localproxy

import (
	"math"
	"math/rand/v2"
	"time"
)

// retryGrowth is slow: somebody waits at the other end of a tunnel. The end of
// an outage is noticed after a tenth of it or so, and one of twenty minutes costs
// a hundred attempts.
const retryGrowth = 1.05

// Policy is every time and bound that the proxy lives by. Zero values mean the
// default.
type Policy struct {
	// Ping is the time between pings (the reference program's: 20 s).
	Ping time.Duration
	// MissedPings in a row, without any other sign of life, end the connection.
	MissedPings int
	// HandshakeTimeout bounds one attempt: address, TCP, TLS and WebSocket.
	HandshakeTimeout time.Duration
	// RetryMin and RetryMax bound the time to the next attempt, which is drawn
	// evenly between RetryMin and a bound that grows from twice that, by
	// retryGrowth, up to RetryMax.
	RetryMin, RetryMax time.Duration
	// Settled is how long a connection must have stood for the next failure to
	// count as the first.
	Settled time.Duration

	// DialTimeout bounds the connection to a destination, the lookup of its
	// name included.
	DialTimeout time.Duration
	// QueueBytes is how much one connection may have waiting for its
	// destination, and TotalQueueBytes all of them together. Beyond that each
	// still may have one message waiting, so that a few stuck ones cannot take
	// the others down with them.
	QueueBytes, TotalQueueBytes int
	// StallLimit is how long a connection may take nothing of what waits for
	// it before it is reset.
	StallLimit time.Duration
	// HoldLimit is how long the tunnel waits for a full connection while there
	// are others: the protocol has no flow control of its own, so that data for
	// a full connection can be waited with, at the cost of the others, or
	// given up together with the connection.
	HoldLimit time.Duration
	// LingerLimit is how long a closed connection may go on sending before it
	// is cut off.
	LingerLimit time.Duration
	// MaxConnections bounds the open, dialling and draining connections.
	MaxConnections int
	// StopLimit bounds how long a stop waits for what is queued.
	StopLimit time.Duration
}

func (p Policy) withDefaults() Policy {
	def(&p.Ping, 20*time.Second)
	def(&p.MissedPings, 2)
	def(&p.HandshakeTimeout, 30*time.Second)
	def(&p.RetryMin, time.Second)
	def(&p.RetryMax, 120*time.Second)
	def(&p.Settled, time.Minute)
	def(&p.DialTimeout, 1800*time.Millisecond)
	def(&p.QueueBytes, 512<<10)
	def(&p.TotalQueueBytes, 8<<20)
	def(&p.StallLimit, 30*time.Second)
	def(&p.HoldLimit, 500*time.Millisecond)
	def(&p.LingerLimit, 5*time.Second)
	def(&p.MaxConnections, 256)
	def(&p.StopLimit, time.Second)
	return p
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// retryAfter draws the time to wait after the given number of failures in a
// row, at least one.
func (p Policy) retryAfter(failures int) time.Duration {
	grown := 2 * float64(p.RetryMin) * math.Pow(retryGrowth, float64(failures-1))
	limit := time.Duration(min(grown, float64(p.RetryMax)))
	return p.RetryMin + rand.N(max(limit-p.RetryMin, 1))
}
