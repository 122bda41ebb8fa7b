package lab

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// UnitTimers are what of a unit file rules when its program is ended and started
// again. See systemd.service(5).
type UnitTimers struct {
	Watchdog    time.Duration // WatchdogSec=, 0: none
	RestartWait time.Duration
	TimeoutStop time.Duration // TimeoutStopSec=, which is the one for SIGABRT too
}

// ParseUnitTimers reads them from the text of a unit, which must have Restart=always.
func ParseUnitTimers(unit string) (t UnitTimers, err error) {
	always := false
	for line := range strings.Lines(unit) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "WatchdogSec":
			t.Watchdog, err = time.ParseDuration(value)
		case "RestartSec":
			t.RestartWait, err = time.ParseDuration(value)
		case "TimeoutStopSec":
			t.TimeoutStop, err = time.ParseDuration(value)
		case "Restart":
			always = value == "always"
		}
		if err != nil {
			return t, fmt.Errorf("reading %s of the unit: %w", key, err)
		}
	}
	if !always || t.RestartWait == 0 || t.TimeoutStop == 0 {
		return t, fmt.Errorf("the unit has no Restart=always, RestartSec= or TimeoutStopSec=: %+v", t)
	}
	return t, nil
}

// Supervisor stands for systemd on a device that has none: it starts the daemon,
// listens to its sd_notify messages, ends it when WATCHDOG=1 does not come, keeps
// its stored descriptors, and starts it again. It leaves out KillMode=, the helpers
// of ExecStartPre= and ExecStopPost= (the daemon does their work as root), the
// sandbox, and the start's time limit; the machines of package machine have them.
type Supervisor struct {
	lab    *Lab
	bin    string
	timers UnitTimers
	socket *net.UnixConn
	stop   chan struct{}
	done   chan struct{}

	mu       sync.Mutex
	agent    *Agent
	restarts int
	fed      time.Time // last WATCHDOG=1, or start
	store    map[string]*os.File
	err      error // why it could not be started again
}

// Supervise starts the daemon under a supervisor, which ends with the lab.
func (l *Lab) Supervise(bin string, t UnitTimers) (*Supervisor, error) {
	bin, err := filepath.Abs(bin) // programs of a node start in its root directory
	if err != nil {
		return nil, err
	}
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: l.path("device", "notify.sock"), Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("supervising the daemon: %w", err)
	}
	s := &Supervisor{
		lab: l, bin: bin, timers: t, socket: socket,
		stop: make(chan struct{}), done: make(chan struct{}), store: map[string]*os.File{},
	}
	if err := s.start(); err != nil {
		socket.Close()
		return nil, err
	}
	go s.listen()
	go s.run()
	l.atClose(sync.OnceFunc(s.close))
	return s, nil
}

// Agent returns the daemon that runs now, or ran last.
func (s *Supervisor) Agent() *Agent {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.agent
}

// Restarts is how often the daemon was started again.
func (s *Supervisor) Restarts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.restarts
}

// WaitRestarts waits until the daemon was started again that often.
func (s *Supervisor) WaitRestarts(ctx context.Context, n int) error {
	return Poll(ctx, readyEvery, func() error {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.restarts < n {
			return errors.Join(s.err, fmt.Errorf("the daemon was started again %d times, not %d", s.restarts, n))
		}
		return nil
	})
}

// start starts the daemon with what is in the store.
func (s *Supervisor) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Sorted(maps.Keys(s.store))
	// A shell, for LISTEN_PID must be the daemon's own id as the device sees it.
	script := `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$@"`
	cmd := exec.Command("sh", "-c", script, "sh", s.bin, "run",
		"--config", s.lab.ConfigFile(), "--runtime-dir", s.lab.RuntimeDir(), "--state-dir", s.lab.StateDir())
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+s.socket.LocalAddr().String(),
		"LISTEN_FDS="+strconv.Itoa(len(names)), "LISTEN_FDNAMES="+strings.Join(names, ":"))
	if s.timers.Watchdog > 0 {
		cmd.Env = append(cmd.Env, "WATCHDOG_USEC="+strconv.FormatInt(s.timers.Watchdog.Microseconds(), 10))
	}
	for _, name := range names {
		cmd.ExtraFiles = append(cmd.ExtraFiles, s.store[name])
	}
	begun := time.Now()
	p, err := s.lab.startCmd(s.lab.Device, "edgeagent", cmd)
	if err != nil {
		return err
	}
	s.agent = &Agent{Process: p, lab: s.lab, bin: s.bin, Started: begun}
	s.fed = begun
	return nil
}

// run starts the daemon again whenever it ends, and ends it when its watchdog is
// not fed.
func (s *Supervisor) run() {
	defer close(s.done)
	for {
		agent := s.Agent()
		if !s.attend(agent) || !s.pause(s.timers.RestartWait) {
			return
		}
		err := s.start()
		s.mu.Lock()
		s.restarts++
		s.err = err
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// attend returns when the daemon has ended; false: the supervisor has.
func (s *Supervisor) attend(a *Agent) bool {
	tick := time.NewTicker(100 * readyEvery)
	defer tick.Stop()
	for {
		select {
		case <-a.Done():
			return true
		case <-tick.C:
			if s.starving() {
				return s.abort(a)
			}
		case <-s.stop:
			return false
		}
	}
}

func (s *Supervisor) starving() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.timers.Watchdog > 0 && time.Since(s.fed) > s.timers.Watchdog
}

// abort ends a daemon as systemd does when its watchdog was not fed.
func (s *Supervisor) abort(a *Agent) bool {
	a.Signal(syscall.SIGABRT)
	select {
	case <-a.Done():
		return true
	case <-s.stop:
		return false
	case <-time.After(s.timers.TimeoutStop):
		a.Kill()
		return true
	}
}

// pause is false if the supervisor ends meanwhile.
func (s *Supervisor) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.stop:
		return false
	}
}

// Notify messages are short; two descriptors come with one at most.
const (
	notifySize   = 4096
	controlSpace = 256
)

// listen reads the daemon's messages, see sd_notify(3).
func (s *Supervisor) listen() {
	text, control := make([]byte, notifySize), make([]byte, controlSpace)
	for {
		n, c, _, _, err := s.socket.ReadMsgUnix(text, control)
		if err != nil {
			return // it is closed
		}
		s.hear(string(text[:n]), descriptors(control[:c]))
	}
}

// hear acts on one message.
func (s *Supervisor) hear(text string, files []*os.File) {
	said := map[string]string{}
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		said[key] = value
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name := said["FDNAME"]
	if said["WATCHDOG"] == "1" || said["READY"] == "1" {
		s.fed = time.Now()
	}
	old := s.store[name]
	switch {
	case said["FDSTOREREMOVE"] == "1":
		delete(s.store, name)
	case said["FDSTORE"] == "1" && len(files) == 1:
		s.store[name], files = files[0], nil
	default:
		old = nil
	}
	for _, f := range append(files, old) {
		f.Close() // of none it is an error only
	}
}

// descriptors are the files that came with a message, see unix(7), SCM_RIGHTS.
func descriptors(control []byte) (files []*os.File) {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "stored"))
		}
	}
	return files
}

// close ends the supervisor and leaves the daemon to the lab.
func (s *Supervisor) close() {
	close(s.stop)
	<-s.done
	s.socket.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.store {
		f.Close()
	}
}
