package vpn

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"edgeagent/internal/config"
	"edgeagent/internal/handover"
)

// engine makes OpenVPN processes.
type engine interface {
	// Clean ends the process and removes the files of a run that was killed.
	Clean() error
	// Prepare reads the user's file.
	Prepare() (*profile, error)
	// Write writes the copy of it that OpenVPN reads, see profile.render.
	Write(user *profile, pin netip.Addr) error
	// Start starts OpenVPN, which then waits for its management client.
	Start() (process, error)
	// Adopt takes over the process of h, and the connection to it.
	Adopt(h *Handover) (process, net.Conn, error)
	// End ends the process of h and closes what h holds open.
	End(h *Handover)
}

// process is one running OpenVPN.
type process interface {
	PID() int
	Dial(ctx context.Context) (net.Conn, error)
	Exited() <-chan exit // gets one value
	Signal(sig syscall.Signal) error
	// Release leaves the process alone from now on, and notes in h what another
	// needs to adopt it and the connection to it. It fails if the process has ended.
	Release(h *Handover, management net.Conn) error
}

// exit is how a process ended. Code 0 means nothing: AUTH_FAILED and a
// server's HALT end with it as well.
type exit struct {
	code   int
	signal syscall.Signal // 0: ended by itself
	output []string       // its last lines
}

// program is the engine for the openvpn program.
type program struct {
	link                    config.Link
	config, socket, pidFile string // in a directory that nobody else may enter
}

// privateDir is below the runtime directory, which everybody may enter. OpenVPN
// makes its management socket for everybody, and whoever connects first could
// read what the server pushes, or end the tunnel.
const privateDir = "openvpn"

// maxSocketPath is what fits into sockaddr_un besides its zero byte.
const maxSocketPath = 107

// newProgram names the files after the link, so that several can share the
// directory.
func newProgram(l config.Link, runtimeDir string) (*program, error) {
	base := filepath.Join(runtimeDir, privateDir, l.Name)
	p := &program{link: l, config: base + ".conf", socket: base + ".sock", pidFile: base + ".pid"}
	if len(p.socket) > maxSocketPath {
		return nil, fmt.Errorf("the runtime directory's path is too long for a socket: %s", p.socket)
	}
	return p, nil
}

// Clean ends the process first: it would still use the files.
func (p *program) Clean() error {
	if err := endLeftover(p.socket); err != nil {
		return err
	}
	if err := p.makeDir(); err != nil {
		return err
	}
	for _, name := range []string{p.config, p.socket, p.pidFile} {
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("removing what an earlier run left: %w", err)
		}
	}
	return nil
}

// makeDir also closes a directory that was open.
func (p *program) makeDir() error {
	dir := filepath.Dir(p.socket)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("making OpenVPN's directory: %w", err)
	}
	if err := os.Chmod(dir, 0o700); err != nil {
		return fmt.Errorf("closing OpenVPN's directory: %w", err)
	}
	return nil
}

// Prepare returns the profile even if it has faults: its remotes are right.
func (p *program) Prepare() (*profile, error) {
	user, err := readProfile(p.link.Config)
	if err != nil {
		return nil, err
	}
	return user, user.err()
}

// Write implements engine.
func (p *program) Write(user *profile, pin netip.Addr) error {
	if err := p.makeDir(); err != nil {
		return err
	}
	// It holds the private key if the user's file does.
	if err := writeFile(p.config, user.render(p.link, pin), 0o600); err != nil {
		return fmt.Errorf("writing OpenVPN's configuration: %w", err)
	}
	return nil
}

// writeFile replaces name as a whole; the runtime directory needs no fsync.
func writeFile(name string, data []byte, mode fs.FileMode) error {
	draft := name + ".new"
	if err := os.Remove(draft); err != nil && !os.IsNotExist(err) {
		return err
	}
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(draft, name)
}

// findOpenVPN looks where Debian puts it, too: a service's PATH may lack sbin.
func findOpenVPN() (string, error) {
	path, err := exec.LookPath("openvpn")
	if err == nil {
		return path, nil
	}
	if path, sbinErr := exec.LookPath("/usr/sbin/openvpn"); sbinErr == nil {
		return path, nil
	}
	return "", err
}

// Start starts OpenVPN in a process group of its own, so that a Ctrl-C meant
// for the agent does not reach it. It is not tied to this process's life by
// PDEATHSIG: that watches one thread, and an agent that executes itself anew
// must find its OpenVPN alive. A killed agent's OpenVPN is ended by Clean.
func (p *program) Start() (process, error) {
	path, err := findOpenVPN()
	if err != nil {
		return nil, err
	}
	if err := os.Remove(p.socket); err != nil && !os.IsNotExist(err) {
		return nil, fmt.Errorf("removing the old socket: %w", err)
	}
	cmd := exec.Command(path, arguments(p.config, p.socket)...)
	// Relative names in the user's file are meant to be beside it.
	cmd.Dir = filepath.Dir(p.link.Config)
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, theirs, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting OpenVPN: %w", err)
	}
	cmd.Stdout, cmd.Stderr = theirs, theirs
	proc, err := handover.Start(cmd)
	theirs.Close()
	if err != nil {
		output.Close()
		return nil, fmt.Errorf("starting OpenVPN: %w", err)
	}
	c := newChild(proc, output, p.socket)
	if err := writeFile(p.pidFile, []byte(strconv.Itoa(c.PID())+"\n"), 0o644); err != nil {
		c.Signal(syscall.SIGKILL)
		return nil, fmt.Errorf("writing OpenVPN's pid file: %w", err)
	}
	return c, nil
}

// child is a process of the openvpn program.
type child struct {
	proc   *handover.Process
	output *os.File
	socket string
	exited chan exit
	gone   chan struct{} // closed at the end
	// leave ends the watch over the process, left is closed when it is over.
	leave context.CancelFunc
	left  chan struct{}
}

// newChild watches over a process that is running.
func newChild(proc *handover.Process, output *os.File, socket string) *child {
	ctx, leave := context.WithCancel(context.Background())
	c := &child{
		proc: proc, output: output, socket: socket, exited: make(chan exit, 1),
		gone: make(chan struct{}), leave: leave, left: make(chan struct{}),
	}
	go c.wait(ctx)
	return c
}

// PID returns the process id.
func (c *child) PID() int { return c.proc.PID }

// Exited returns the channel that gets the end.
func (c *child) Exited() <-chan exit { return c.exited }

// Signal does nothing to a process that has ended.
func (c *child) Signal(sig syscall.Signal) error { return c.proc.Signal(sig) }

// Dial connects to the management socket once it is there.
func (c *child) Dial(ctx context.Context) (net.Conn, error) {
	return dialSocket(ctx, c.socket, c.gone)
}

// wait keeps the last lines of output for the diagnosis, and reaps the child.
func (c *child) wait(ctx context.Context) {
	defer close(c.left)
	tail := lastLines(c.output)
	if c.proc.Wait(ctx) != nil {
		return // left alone
	}
	c.output.Close()
	status := c.proc.Reap()
	close(c.gone)
	x := exit{code: status.ExitStatus(), output: tail}
	if status.Signaled() {
		x.signal = status.Signal()
	}
	c.exited <- x
}

// keptLines of a process's output are enough for its last words.
const keptLines = 20

// lastLines reads r to its end. A line longer than the buffer comes in pieces.
func lastLines(r io.Reader) []string {
	var tail []string
	lines := bufio.NewReaderSize(r, 4<<10)
	for {
		text, _, err := lines.ReadLine()
		if err != nil {
			return tail
		}
		if len(tail) == keptLines {
			tail = slices.Delete(tail, 0, 1)
		}
		tail = append(tail, strings.TrimSpace(string(text)))
	}
}
