package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// Unit is the agent's.
const Unit = "edgeagent.service"

// ErrNoDaemon means that nothing answers at the agent's control socket.
var ErrNoDaemon = errors.New("the daemon cannot be reached")

// Install installs a package file of the host as a person does: by apt, with
// the questions of conffiles left to their defaults. Its output is what apt and
// the maintainer scripts have said.
func (m *Machine) Install(ctx context.Context, deb string) (Result, error) {
	to := "/root/" + filepath.Base(deb)
	if err := m.Push(ctx, deb, to, "root:root", "0644"); err != nil {
		return Result{}, err
	}
	return m.Run(ctx, "apt-get", "-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold",
		// No power is cut meanwhile, and dpkg would wait for all of the host's disks.
		"-o", "Dpkg::Options::=--force-unsafe-io",
		"install", "--yes", "--allow-downgrades", to)
}

// Peek reads the agent's status from its control socket. The error wraps
// ErrNoDaemon if nothing answers there.
func (m *Machine) Peek(ctx context.Context) (s status.Snapshot, err error) {
	leader, err := m.leader()
	if err == nil && leader == 0 {
		err = errors.New("the machine is off")
	}
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrNoDaemon, err)
	}
	// No part of this path is a link, which would lead into the host.
	socket := filepath.Join("/proc", strconv.Itoa(leader), "root/run/edgeagent/control.sock")
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // the client is thrown away with its connection
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://edgeagent/v1/status", nil)
	if err != nil {
		return s, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return s, fmt.Errorf("%w: %w", ErrNoDaemon, err)
	}
	defer resp.Body.Close()
	if err = json.NewDecoder(resp.Body).Decode(&s); err == nil && s.Schema != status.Schema {
		err = fmt.Errorf("schema %d", s.Schema)
	}
	if err != nil {
		return s, fmt.Errorf("reading the status: %w", err)
	}
	return s, nil
}

// WaitStage waits until a stage is in the given state, with the given reason
// unless that is "". The error says what it was last.
func (m *Machine) WaitStage(ctx context.Context, name string, state status.State, reason status.Reason) (c status.Condition, err error) {
	err = lab.Poll(ctx, pollEvery, func() error {
		s, err := m.Peek(ctx)
		if err != nil {
			return err
		}
		var ok bool
		if c, ok = s.Stage(name); ok && c.State == state && (reason == "" || c.Reason == reason) {
			return nil
		}
		return fmt.Errorf("it is %s %s: %s", c.State, c.Reason, c.Detail)
	})
	if err != nil {
		return c, fmt.Errorf("waiting for %s %s %s: %w", name, state, reason, err)
	}
	return c, nil
}

// WaitOK waits until every stage of the path is ok.
func (m *Machine) WaitOK(ctx context.Context) error {
	for _, name := range []string{"link", "dns", "endpoint", "broker", "tunnel"} {
		if _, err := m.WaitStage(ctx, name, status.OK, ""); err != nil {
			return err
		}
	}
	return nil
}

// UnitStarted returns when the agent's present process was started.
func (m *Machine) UnitStarted(ctx context.Context) (time.Time, error) {
	text, err := m.Check(ctx, "systemctl", "show", "--timestamp=us+utc", "--value", "--property=ExecMainStartTimestamp", Unit)
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse("Mon 2006-01-02 15:04:05.999999 MST", text)
	// An inactive unit has an empty one.
	if err != nil {
		return at, fmt.Errorf("reading when %s was started: %w", Unit, err)
	}
	return at, nil
}

// AllowSSH lets the office in as root through the machine's own sshd, as
// lab.SSH and Tunnel.SSH want it. Before the boot, or the sshd must be restarted.
func (m *Machine) AllowSSH(ctx context.Context) error {
	if _, err := m.Check(ctx, "install", "-d", "-m", "0700", "/root/.ssh"); err != nil {
		return err
	}
	for _, f := range []struct{ from, to string }{
		{"device/ssh_host_key", "/etc/ssh/ssh_host_ed25519_key"},
		{"device/ssh_host_key.pub", "/etc/ssh/ssh_host_ed25519_key.pub"},
		{"office/id.pub", "/root/.ssh/authorized_keys"},
	} {
		if err := m.Push(ctx, filepath.Join(m.lab.Dir, f.from), f.to, "root:root", "0600"); err != nil {
			return err
		}
	}
	return nil
}

// debDirEnv names the directory that `make deb` has filled.
const debDirEnv = "EDGEAGENT_DEB_DIR"

// Deb returns the newest package of the agent for an architecture ("amd64").
func Deb(arch string) (string, error) {
	dir := os.Getenv(debDirEnv)
	if dir == "" {
		return "", errors.New(debDirEnv + " is not set: make test-os builds the packages")
	}
	files, err := filepath.Glob(filepath.Join(dir, "edgeagent_*_"+arch+".deb"))
	if err != nil {
		return "", err
	}
	// A directory that is built into often holds older versions as well.
	var newest string
	var at time.Time
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && info.ModTime().After(at) {
			newest, at = name, info.ModTime()
		}
	}
	if newest == "" {
		return "", fmt.Errorf("no package for %s in %s", arch, dir)
	}
	return newest, nil
}
