package fleet

import "time"

// endpoint is AWS IoT Core behind the VPC endpoint: it accepts so many CONNECTs in
// any one second and closes the connection on any more. That is the strict
// reading of the account's "connect requests per second"; a bucket of tokens would
// forgive a burst. https://docs.aws.amazon.com/general/latest/gr/iot-core.html
//
// What TLS costs the endpoint is not in it: AWS states no limit.
type endpoint struct {
	accepted []time.Time // the last ones, a ring
	next     int
}

func newEndpoint(quota int) *endpoint { return &endpoint{accepted: make([]time.Time, quota)} }

// accepts answers a CONNECT. Calls are in the order of time.
func (e *endpoint) accepts(at time.Time) bool {
	if oldest := e.accepted[e.next]; !oldest.IsZero() && at.Sub(oldest) < time.Second {
		return false
	}
	e.accepted[e.next] = at
	e.next = (e.next + 1) % len(e.accepted)
	return true
}
