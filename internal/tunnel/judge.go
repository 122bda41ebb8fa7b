package tunnel

import (
	"errors"
	"io/fs"

	"edgeagent/internal/status"
)

// Exit statuses of `edgeagent localproxy`, which its last event has too.
const (
	codeDone     = 0
	codeDenied   = 10 // the service refused the token
	codeGone     = 11 // the tunnel is gone, or another answer that no retry changes
	codeTLS      = 13 // the service's certificate does not verify
	codeLifetime = 16
)

// ending is how a tunnel ended.
type ending struct {
	why   string
	fault *fault // nil if it ended as tunnels do
	again bool   // another process may carry it on
	left  bool   // it has not ended: it goes on under the agent that takes over
}

// Causes that end a tunnel from outside.
var (
	errReplaced = errors.New("replaced by a new token for the same services")
	errClosed   = errors.New("closed on this device")
	errLifetime = errors.New("tunnel.max_lifetime is over")
	errChanged  = errors.New("the configuration that it was opened under has changed")
	errPath     = errors.New("the private path was lost or the agent stopped")
)

// judge decides what a process's end means for its tunnel. The process was not
// asked to end.
func judge(s *session, x exit, builtin bool) ending {
	if s.closed == nil && builtin && x.err == nil && x.status.ExitStatus() >= codeDenied {
		s.closed = &event{Event: eventClosed, Code: x.status.ExitStatus(), Reason: x.said}
	}
	switch {
	case x.err != nil:
		return unstartable(x)
	case s.closed != nil:
		return closedBy(s, *s.closed)
	case builtin:
		// It ends with an event, always. Status 2 may be a Go panic.
		f := failure(status.ReasonProcessExited, "the proxy crashed: %s%s", x, saying(x))
		return ending{why: f.detail, fault: f, again: true}
	case s.live:
		// The reference program also ends where it could reconnect. If the tunnel
		// was closed instead, the next process is refused and that is the end.
		return ending{why: "the external proxy " + x.String() + saying(x), again: true}
	}
	f := failure(status.ReasonProcessExited, "the external proxy %s after %s without connecting%s",
		x, status.Age(x.lived), saying(x))
	return ending{why: f.detail, fault: f, again: true}
}

// unstartable is the end of a process that never was. A missing program stays
// missing; a lack of memory or processes may pass.
func unstartable(x exit) ending {
	f := failure(status.ReasonProcessExited, "%v", x.err)
	missing := errors.Is(x.err, fs.ErrNotExist) || errors.Is(x.err, fs.ErrPermission)
	if missing {
		f.reason = status.ReasonProxyMissing
	}
	return ending{why: f.detail, fault: f, again: !missing}
}

// closedBy is the end of a process that gave its reason: it has done its own
// retries, so there is nothing left to try.
func closedBy(s *session, e event) ending {
	why := s.words(e.Reason)
	switch e.Code {
	case codeDone, codeLifetime: // the service closed the tunnel, or its time is over
		return ending{why: why}
	case codeDenied, codeGone:
		if s.everLive {
			// The usual end of a tunnel that was closed while it reconnected.
			return ending{why: "the service takes its token no more: " + why}
		}
		f := failure(status.ReasonRefused, "the service refuses the token: %s", why)
		f.hint = "open the tunnel again or rotate its tokens: a token serves one device once, and only while its tunnel is open."
		return ending{why: f.detail, fault: f}
	case codeTLS:
		f := failure(status.ReasonTLS, "TLS with the tunneling service fails: %s", why)
		return ending{why: f.detail, fault: f}
	}
	f := failure(status.ReasonProcessExited, "the proxy gave up: %s", why)
	return ending{why: f.detail, fault: f}
}

// saying appends the last words of a process, if it had any.
func saying(x exit) string {
	if x.said == "" {
		return ""
	}
	return ": " + x.said
}
