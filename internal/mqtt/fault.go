package mqtt

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"edgeagent/internal/status"
)

// fault is why an attempt or a session ended, as status shows it, and how the
// next attempt is paced.
type fault struct {
	state  status.State // zero: down
	reason status.Reason
	detail string
	hint   string // where more is known than the reason's own hint
	retry  Retry
	// byBroker: the broker closed a healthy session without a word.
	byBroker bool
}

func (f *fault) update(facts status.Facts) status.Update {
	u := status.Update{State: f.state, Reason: f.reason, Detail: f.detail, Hint: f.hint, Facts: facts}
	if u.State == "" {
		u.State = status.Down
	}
	return u
}

func unreachable(format string, args ...any) *fault {
	return &fault{reason: status.ReasonUnreachable, detail: fmt.Sprintf(format, args...), retry: RetryPath}
}

func noPing(format string, args ...any) *fault {
	return &fault{reason: status.ReasonNoPing, detail: fmt.Sprintf(format, args...), retry: RetryPath}
}

// closedByPeer reports whether err is the far side closing the connection.
func closedByPeer(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func timedOut(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// plain says what a network error means, without addresses and system calls.
func plain(err error, patience time.Duration) string {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "no route"
	case errors.Is(err, syscall.ETIMEDOUT), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer within " + patience.String()
	case closedByPeer(err):
		return "closed by the far side"
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}

// duration words d as the screen words ages, to the nearest second.
func duration(d time.Duration) string { return status.Age(d.Round(time.Second)) }
