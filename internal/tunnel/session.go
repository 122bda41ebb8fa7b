package tunnel

import (
	"fmt"
	"time"

	"edgeagent/internal/status"
)

// States of a Tunnel.
const (
	StateConnecting = "connecting" // to the service, for the first time or again
	StateOpen       = "open"
	StateClosing    = "closing"
)

// Tunnel is one tunnel as `edgeagent tunnel list` shows it.
type Tunnel struct {
	ID          string    `json:"id"`
	Services    []string  `json:"services"`
	Since       time.Time `json:"since"`       // when its notification was accepted
	BytesIn     int64     `json:"bytes_in"`    // towards the device's services; 0 with an external program
	BytesOut    int64     `json:"bytes_out"`   // from them
	Connections int       `json:"connections"` // open now
	State       string    `json:"state"`       // one of the State constants
	Detail      string    `json:"detail"`      // why it is not open, or ""
}

// session is a tunnel while it lives. What is below the line changes, with
// Manager.mu held.
type session struct {
	notification
	creds credentials
	end   func(cause error) // asks it to end; the first cause counts
	done  chan struct{}     // closed when it has ended and its process is gone

	shown    Tunnel
	in, out  int64     // bytes of the processes before the present one
	live     bool      // the present process is connected to the service
	everLive bool      // a process was
	lostAt   time.Time // since when it is not connected
	closed   *event    // what the present process said of its own end
}

// begin prepares s for a new process, whose figures start at zero.
func (s *session) begin() {
	s.in, s.out = s.shown.BytesIn, s.shown.BytesOut
	s.closed = nil
	s.disconnected(s.shown.Detail) // why the one before ended, until the next says more
}

// disconnected notes that no data can flow; all connections went with it.
func (s *session) disconnected(why string) {
	if s.live {
		s.lostAt = time.Now()
	}
	s.live, s.shown.Connections = false, 0
	if s.shown.State != StateClosing {
		s.shown.State, s.shown.Detail = StateConnecting, why
	}
}

// observe takes over what the present process says.
func (s *session) observe(e event) {
	switch e.Event {
	case eventConnecting:
		s.disconnected("to " + clean(e.Address, maxReason))
	case eventConnected:
		s.live, s.everLive = true, true
		if s.shown.State != StateClosing {
			s.shown.State, s.shown.Detail = StateOpen, ""
		}
	case eventStreamOpened:
		s.shown.Connections++
	case eventStreamClosed:
		s.shown.Connections = max(0, s.shown.Connections-1)
	case eventBytes:
		s.shown.BytesIn, s.shown.BytesOut = s.in+max(0, e.In), s.out+max(0, e.Out)
	case eventRetry:
		after := time.Duration(e.AfterMS) * time.Millisecond
		s.disconnected(fmt.Sprintf("%s; again in %s", s.words(e.Reason), status.Age(after)))
	case eventClosed:
		s.closed = &e
		s.shown.Connections = 0
	}
}

// words makes what a child said fit to be shown.
func (s *session) words(said string) string {
	return clean(redact(said, s.creds.access, s.creds.client), maxReason)
}
