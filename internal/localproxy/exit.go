package localproxy

import (
	"errors"
	"fmt"
)

// Exit statuses of `edgeagent localproxy`. They are stable: a supervisor tells
// by them whether to start again. A tunnel that ended in order, because it was
// asked to or because the service closed it, is 0.
const (
	ExitOther    = 1  // a fault of this program or of the device
	ExitUsage    = 2  // wrong options or configuration
	ExitDenied   = 10 // the service refused the token (401, 403)
	ExitGone     = 11 // the tunnel or its token is gone, or another 4xx
	ExitName     = 12 // the service's name does not resolve
	ExitTLS      = 13 // the service's certificate does not verify
	ExitProtocol = 14 // the service broke the protocol
	ExitRetries  = 15 // gave up after the number of retries asked for
	ExitLifetime = 16 // the lifetime asked for is over
	ExitWebProxy = 17 // the web proxy refused to connect
)

// ExitError is why a Proxy cannot go on.
type ExitError struct {
	Code int // one of the Exit constants
	Err  error
}

// Error implements error.
func (e *ExitError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *ExitError) Unwrap() error { return e.Err }

// ExitCode returns the exit status, for whoever ends the process.
func (e *ExitError) ExitCode() int { return e.Code }

func exitf(code int, format string, args ...any) *ExitError {
	return &ExitError{code, fmt.Errorf(format, args...)}
}

// exitCode returns the status for how a Proxy ended.
func exitCode(err error) int {
	var exit *ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	return ExitOther
}
