package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/history"
	"edgeagent/internal/metrics"
	"edgeagent/internal/status"
)

// Limits of a Client. A healthy daemon tells what it knows at once; what changes
// something may take as long as the server gives it.
const (
	tellTimeout    = 5 * time.Second
	changeTimeout  = writeTimeout
	maxAnswerBytes = 4 << 20
)

// Cause is why the daemon cannot be reached.
type Cause string

// The causes of an UnreachableError.
const (
	CauseNoSocket   Cause = "no-socket"  // it has not run since the boot
	CauseStale      Cause = "stale"      // it has ended without removing its socket
	CausePermission Cause = "permission" // this user may not open the socket
	CauseNoAnswer   Cause = "no-answer"  // it runs but does not answer
)

// UnreachableError means that there is no daemon to talk to.
type UnreachableError struct {
	Path  string // of the socket
	Cause Cause
	Err   error
}

// Error says in plain words what was found at the socket.
func (e *UnreachableError) Error() string {
	switch e.Cause {
	case CauseNoSocket:
		return "the daemon does not run: there is no " + e.Path
	case CauseStale:
		return "the daemon does not run: it ended without removing " + e.Path
	case CausePermission:
		return "this user may not open " + e.Path
	}
	return fmt.Sprintf("the daemon does not answer on %s: %v", e.Path, e.Err)
}

// Unwrap returns what the system said.
func (e *UnreachableError) Unwrap() error { return e.Err }

// Error is an answer that says why a request failed.
type Error struct {
	Status  int // of HTTP
	Message string
}

// Error returns the daemon's own words.
func (e *Error) Error() string { return e.Message }

// Is makes errors.Is work with ErrNotFound and ErrForbidden.
func (e *Error) Is(target error) bool {
	return e.Status == http.StatusNotFound && target == ErrNotFound ||
		e.Status == http.StatusForbidden && target == ErrForbidden
}

// Client asks the daemon. Its errors are *UnreachableError and *Error.
type Client struct {
	path string
	dial func(context.Context) (net.Conn, error)
}

// NewClient returns a Client of the daemon that listens on path.
func NewClient(path string) *Client {
	return &Client{path: path, dial: func(ctx context.Context) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}}
}

// Status returns the state of the agent. Every user may ask for it.
func (c *Client) Status(ctx context.Context) (status.Snapshot, error) {
	return get[status.Snapshot](ctx, c, pathStatus)
}

// History returns the agent's last hour. Every user may ask for it.
func (c *Client) History(ctx context.Context) (history.History, error) {
	return get[history.History](ctx, c, pathHistory)
}

// Metrics returns the agent's figures in Prometheus' text format. Every user may
// ask for them.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, tellTimeout, errSilent)
	defer cancel()
	return c.ask(ctx, http.MethodGet, pathMetrics, nil, string(metrics.Text))
}

// Links returns all links in the order of the configuration.
func (c *Client) Links(ctx context.Context) ([]LinkInfo, error) {
	return get[[]LinkInfo](ctx, c, pathLinks)
}

// Tunnels returns the open tunnels.
func (c *Client) Tunnels(ctx context.Context) ([]TunnelInfo, error) {
	return get[[]TunnelInfo](ctx, c, pathTunnels)
}

// RestartLink takes the named link down and brings it up again.
func (c *Client) RestartLink(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodPost, pathLinkRestart, linkRequest{name}, nil)
}

// CloseTunnel ends the tunnel with the given id.
func (c *Client) CloseTunnel(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodPost, pathTunnelsClose, tunnelRequest{id}, nil)
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	var result T
	ctx, cancel := context.WithTimeoutCause(ctx, tellTimeout, errSilent)
	defer cancel()
	err := c.do(ctx, http.MethodGet, path, nil, &result)
	return result, err
}

// do sends one request and decodes its answer into result, if that is not nil.
func (c *Client) do(ctx context.Context, method, path string, body, result any) error {
	answer, err := c.ask(ctx, method, path, body, "application/json")
	if err != nil || result == nil {
		return err
	}
	if err := json.Unmarshal(answer, result); err != nil {
		return fmt.Errorf("reading the daemon's answer: %w", err)
	}
	return nil
}

// ask sends one request and returns its answer as it came, in the form accepted.
func (c *Client) ask(ctx context.Context, method, path string, body any, accept string) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://edgeagent"+path, bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("asking the daemon: %w", err)
	}
	request.Header.Set("Accept", accept)
	code, answer, err := c.exchange(request)
	if err != nil {
		return nil, c.unreachable(ctx, err)
	}
	if code >= http.StatusBadRequest {
		return nil, refusal(code, answer)
	}
	return answer, nil
}

// exchange sends one request on a connection of its own. An http.Transport would
// do the same with a pool, proxies and four goroutines, and be most of what a
// status costs on the smallest Pi.
func (c *Client) exchange(request *http.Request) (code int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(request.Context(), changeTimeout)
	defer cancel()
	conn, err := c.dial(ctx)
	if err != nil {
		return 0, nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })() // at once
	request.Close = true
	if err := request.Write(conn); err != nil {
		return 0, nil, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswerBytes))
	return response.StatusCode, answer, err
}

// errSilent is why a question was given up.
var errSilent = fmt.Errorf("nothing within %s", tellTimeout)

// unreachable classifies why there is no answer. A caller that gave up is not
// the daemon's fault.
func (c *Client) unreachable(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == errSilent:
		err = cause
	case cause != nil:
		return fmt.Errorf("asking the daemon: %w", cause)
	}
	cause := CauseNoAnswer
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENOTDIR):
		cause = CauseNoSocket
	case errors.Is(err, unix.ECONNREFUSED):
		cause = CauseStale
	case errors.Is(err, fs.ErrPermission):
		cause = CausePermission
	}
	return &UnreachableError{Path: c.path, Cause: cause, Err: err}
}

// refusal turns an answer that is not 2xx into an *Error.
func refusal(code int, answer []byte) error {
	var f failure
	if err := json.Unmarshal(answer, &f); err != nil || f.Error == "" {
		f.Error = fmt.Sprintf("the daemon answers %d %s", code, http.StatusText(code))
	}
	return &Error{Status: code, Message: f.Error}
}
