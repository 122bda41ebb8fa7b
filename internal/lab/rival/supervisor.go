package rival

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a program that a unit runs.
type process interface {
	Done() <-chan struct{}
	Err() error // how it ended, as exec.Cmd.Wait tells it
	Signal(sig os.Signal)
}

// supervisor does for one unit what systemd does about a program that ends:
// Restart=, RestartSec= and the start limit. What else a unit says (sandbox,
// readiness, ordering) does not bear on how soon it is back.
type supervisor struct {
	name  string
	unit  Unit
	start func() (process, error)
	log   *journal

	quit chan struct{}
	done chan struct{}

	mu      sync.Mutex
	current process
}

// supervise starts the unit and keeps it up until stop.
func supervise(name string, unit Unit, log *journal, start func() (process, error)) (*supervisor, error) {
	s := &supervisor{name: name, unit: unit, start: start, log: log, quit: make(chan struct{}), done: make(chan struct{})}
	first, err := start()
	if err != nil {
		return nil, err
	}
	s.current = first
	go s.run(first)
	return s, nil
}

// run waits for the program to end and starts it again, as the unit says.
func (s *supervisor) run(p process) {
	defer close(s.done)
	starts := []time.Time{time.Now()} // for the start limit
	for {
		select {
		case <-p.Done():
		case <-s.quit:
			return
		}
		s.log.add(s.name, fmt.Sprintf("Main process exited: %v", p.Err()))
		if !s.unit.restarts(p.Err()) {
			return
		}
		// systemd counts the pause from the end, not from the start.
		select {
		case <-time.After(s.unit.RestartPause):
		case <-s.quit:
			return
		}
		starts = append(starts, time.Now())
		if s.unit.limited(starts) {
			s.log.add(s.name, "Start request repeated too quickly")
			return
		}
		next, err := s.start()
		if err != nil {
			s.log.add(s.name, err.Error())
			return
		}
		s.mu.Lock()
		s.current = next
		s.mu.Unlock()
		p = next
	}
}

// restarts tells whether Restart= has the unit started again after such an end.
func (u Unit) restarts(err error) bool {
	switch u.Restart {
	case restartAlways:
		return true
	case restartOnFailure:
		return !cleanExit(err)
	}
	return false
}

// cleanExit tells what systemd.service(5) calls a clean exit: status 0, or one of
// four signals.
func cleanExit(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err == nil
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() {
		return false
	}
	switch status.Signal() {
	case syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGPIPE:
		return true
	}
	return false
}

// limited tells whether the last of these starts is one too many.
func (u Unit) limited(starts []time.Time) bool {
	if u.StartLimitInterval == 0 || len(starts) <= u.StartLimitBurst {
		return false
	}
	earliest := starts[len(starts)-1-u.StartLimitBurst]
	return starts[len(starts)-1].Sub(earliest) < u.StartLimitInterval
}

// signal sends a signal to the program that runs now.
func (s *supervisor) signal(sig os.Signal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.Signal(sig)
}

// stop ends the watch, then the program by SIGKILL.
func (s *supervisor) stop() {
	close(s.quit)
	<-s.done
	s.signal(syscall.SIGKILL)
	<-s.current.Done()
}
