package lab

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"edgeagent/internal/status"
)

// statusEvery paces WaitStage; an agent that takes peekTimeout to answer is one
// that does not.
const (
	statusEvery = 20 * time.Millisecond
	peekTimeout = 20 * time.Second
)

// ErrNoDaemon means that status could not reach the daemon (exit code 3).
var ErrNoDaemon = errors.New("the daemon cannot be reached")

// Exit codes of status that come with a report. See the contract of the
// command: 3 is no daemon, 2 a wrong usage.
const (
	exitNotOK    = 1
	exitNoDaemon = 3
)

// Agent is the real program, running on the device as root.
type Agent struct {
	*Process
	lab     *Lab
	bin     string
	Started time.Time
}

// StartAgent runs `edgeagent run` on the device. Its log goes to
// Dir/log/edgeagent.log.
func (l *Lab) StartAgent(bin string) (*Agent, error) {
	bin, err := filepath.Abs(bin) // programs of a node start in its root directory
	if err != nil {
		return nil, err
	}
	started := time.Now()
	p, err := l.start(l.Device, "edgeagent", bin, "run",
		"--config", l.ConfigFile(), "--runtime-dir", l.RuntimeDir(), "--state-dir", l.StateDir())
	if err != nil {
		return nil, err
	}
	return &Agent{Process: p, lab: l, bin: bin, Started: started}, nil
}

// Edgeagent runs a client command of the program on the device and returns what
// it printed, and its exit code.
func (l *Lab) Edgeagent(ctx context.Context, bin string, args ...string) (out string, code int, err error) {
	if bin, err = filepath.Abs(bin); err != nil {
		return "", 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandTimeout)
	defer cancel()
	cmd := l.Device.Command(ctx, bin, args...)
	// People's output is compared and printed: no colours.
	cmd.Env = append(os.Environ(), "EDGEAGENT_RUNTIME_DIR="+l.RuntimeDir(), "NO_COLOR=1")
	out, err = l.Device.finish(cmd, l.Device.Do)
	// An exit code is an answer, not a failure.
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return out, exit.ExitCode(), nil
	}
	return out, 0, err
}

// Status runs `edgeagent status --json` on the device. The error wraps
// ErrNoDaemon if the daemon cannot be reached.
func (a *Agent) Status(ctx context.Context) (status.Snapshot, error) {
	out, code, err := a.lab.Edgeagent(ctx, a.bin, "status", "--json")
	switch {
	case err != nil:
		return status.Snapshot{}, err
	case code == exitNoDaemon:
		return status.Snapshot{}, ErrNoDaemon
	case code != 0 && code != exitNotOK:
		return status.Snapshot{}, fmt.Errorf("status ended with exit code %d: %s", code, out)
	}
	return decodeStatus([]byte(out))
}

// Screen runs `edgeagent status` on the device and returns the screen.
func (a *Agent) Screen(ctx context.Context) (string, error) {
	out, _, err := a.lab.Edgeagent(ctx, a.bin, "status")
	return out, err
}

// decodeStatus refuses a schema it does not know rather than misread it.
func decodeStatus(data []byte) (s status.Snapshot, err error) {
	if err = json.Unmarshal(data, &s); err == nil && s.Schema != status.Schema {
		err = fmt.Errorf("schema %d", s.Schema)
	}
	if err != nil {
		return s, fmt.Errorf("reading the status: %w", err)
	}
	return s, nil
}

// Peek reads the status from the control socket: what Status does, without the
// cost of a process, so that it can be asked often.
func (a *Agent) Peek(ctx context.Context) (status.Snapshot, error) {
	client := http.Client{Timeout: peekTimeout, Transport: &http.Transport{
		DisableKeepAlives: true, // each client is thrown away with its connection
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", a.lab.path("device", "run", "control.sock"))
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://edgeagent/v1/status", nil)
	if err != nil {
		return status.Snapshot{}, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return status.Snapshot{}, fmt.Errorf("%w: %w", ErrNoDaemon, err)
	}
	defer resp.Body.Close()
	var raw json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&raw); err != nil {
		return status.Snapshot{}, fmt.Errorf("reading the status: %w", err)
	}
	return decodeStatus(raw)
}

// WaitStage waits until a stage is in the given state, and has the given
// reason unless that is "". The error says what it was last.
func (a *Agent) WaitStage(ctx context.Context, name string, state status.State, reason status.Reason) (status.Condition, error) {
	what := fmt.Sprintf("%s %s %s", name, state, reason)
	return a.Wait(ctx, name, what, func(c status.Condition) bool {
		return c.State == state && (reason == "" || c.Reason == reason)
	})
}

// Wait waits until a stage is as wanted; what says how, for the error.
func (a *Agent) Wait(ctx context.Context, name, what string, want func(status.Condition) bool) (c status.Condition, err error) {
	err = waitReady(ctx, a.Process, statusEvery, func() error {
		s, err := a.Peek(ctx)
		if err != nil {
			return err
		}
		var ok bool
		if c, ok = s.Stage(name); ok && want(c) {
			return nil
		}
		return fmt.Errorf("it is %s %s: %s", c.State, c.Reason, c.Detail)
	})
	if err != nil {
		return c, fmt.Errorf("waiting for %s: %w", what, err)
	}
	return c, nil
}

// WaitOK waits until every stage is ok.
func (a *Agent) WaitOK(ctx context.Context) error {
	for _, name := range []string{"link", "dns", "endpoint", "broker", "tunnel"} {
		if _, err := a.WaitStage(ctx, name, status.OK, ""); err != nil {
			return err
		}
	}
	return nil
}
