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
	Detail      string    `json:"detail"`      // why it is not open, or which service does not answer, or ""
}

// session is a tunnel while it lives. What is below the line changes, with
// Manager.mu held.
type session struct {
	notification
	creds credentials
	terms string            // of the configuration that it was opened under
	began time.Time         // its time limit counts from here; earlier than this agent if taken over
	end   func(cause error) // asks it to end; the first cause counts
	done  chan struct{}     // closed when it has ended and its process is gone

	shown    Tunnel
	in, out  int64      // bytes of the processes before the present one
	live     bool       // the present process is connected to the service
	everLive bool       // a process was
	lostAt   time.Time  // since when it is not connected; zero before the first process
	closed   *event     // what the present process said of its own end
	heir     *proxyHeir // the process that ran before this agent took over, or goes on without it
	failing  *fault     // why the process before the present one ended, until one is connected

	connections map[connection]int // local ones that stand; two may share a number for a moment
}

// connection names a local connection as events do.
type connection struct {
	service string
	number  int64
}

// maxConnections bounds what is kept of a process that tells nonsense. The
// built-in proxy itself takes fewer.
const maxConnections = 10_000

// begin prepares s for a new process, whose figures start at zero. Until it
// says more, why tells what became of the one before.
func (s *session) begin(why string) {
	s.in, s.out = s.shown.BytesIn, s.shown.BytesOut
	s.closed = nil
	s.over(why)
	s.lostAt = time.Now()
}

// over notes that there is no process, and so no connection.
func (s *session) over(why string) {
	s.connections, s.shown.Connections = map[connection]int{}, 0
	s.disconnected(why)
}

// disconnected notes that no data can flow. Local connections end one by one.
func (s *session) disconnected(why string) {
	if s.live {
		s.lostAt = time.Now()
	}
	s.live = false
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
		s.live, s.everLive, s.failing = true, true, nil
		if s.shown.State != StateClosing {
			s.shown.State, s.shown.Detail = StateOpen, ""
		}
	case eventStreamOpened:
		s.joined(connection{e.Service, e.Connection})
	case eventStreamClosed:
		s.parted(connection{e.Service, e.Connection}, e.Reason)
	case eventBytes:
		s.shown.BytesIn, s.shown.BytesOut = s.in+max(0, e.In), s.out+max(0, e.Out)
	case eventRetry:
		after := time.Duration(e.AfterMS) * time.Millisecond
		s.disconnected(fmt.Sprintf("%s; again in %s", s.words(e.Reason), status.Age(after)))
	case eventClosed:
		s.closed = &e
	}
}

// joined notes a local connection that stands.
func (s *session) joined(c connection) {
	if s.shown.Connections < maxConnections {
		s.connections[c]++
		s.shown.Connections++
	}
	if s.shown.State == StateOpen {
		s.shown.Detail = ""
	}
}

// parted notes the end of a local connection, or that there never was one: then
// the service on this device does not answer, which a field tech wants to know.
func (s *session) parted(c connection, why string) {
	n := s.connections[c]
	switch {
	case n == 0 && s.shown.State == StateOpen:
		s.shown.Detail = clean(c.service, maxService) + ": " + s.words(why)
	case n == 1:
		delete(s.connections, c)
		s.shown.Connections--
	case n > 1:
		s.connections[c]--
		s.shown.Connections--
	}
}

// words makes what a child said fit to be shown.
func (s *session) words(said string) string {
	return clean(redact(said, s.creds.access, s.creds.client), maxReason)
}
