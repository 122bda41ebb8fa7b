package mqtt

import (
	"fmt"
	"time"

	"edgeagent/internal/status"
)

// rival recognises a second device with our client id. MQTT 3.1.1 has the
// broker close the older of two sessions without a word, so each side sees only
// that its sessions end soon after they began, again and again, with nothing
// wrong in between: a broker that restarts refuses some attempts as well.
type rival struct {
	closes int
	found  bool
}

// ended judges the end of a session or an attempt. If another device is behind
// it, the fault that says so is returned in place of f.
func (r *rival) ended(f *fault, lived time.Duration, clientID string) *fault {
	within := rivalWithin
	if r.found {
		within = rivalStillWithin
	}
	if !f.byBroker || lived >= within {
		*r = rival{}
		return f
	}
	r.closes++
	if r.closes < rivalCloses && !r.found {
		return f
	}
	r.found = true
	return &fault{
		reason: status.ReasonTakenOver,
		detail: fmt.Sprintf("another device uses the client id %s: the broker has closed %d sessions soon after they began, the last after %s",
			clientID, r.closes, duration(lived)),
		retry: RetryRival,
	}
}
