package rival

import (
	"errors"
	"os"
	"os/exec"
	"regexp"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// fakeProcess ends when it is told to, or by any signal.
type fakeProcess struct {
	once sync.Once
	done chan struct{}
	err  error
}

func newFake() *fakeProcess { return &fakeProcess{done: make(chan struct{})} }

func (p *fakeProcess) end(err error) { p.once.Do(func() { p.err = err; close(p.done) }) }

func (p *fakeProcess) Done() <-chan struct{} { return p.done }
func (p *fakeProcess) Err() error            { <-p.done; return p.err }
func (p *fakeProcess) Signal(os.Signal)      { p.end(errors.New("signal: killed")) }

// nursery starts fake processes.
type nursery struct {
	mu      sync.Mutex
	count   int
	current *fakeProcess
	fail    error
}

func (n *nursery) start() (process, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fail != nil {
		return nil, n.fail
	}
	n.count++
	n.current = newFake()
	return n.current, nil
}

func (n *nursery) starts() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.count
}

func (n *nursery) last() *fakeProcess {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.current
}

// supervised runs fn in a bubble with a supervised unit.
func supervised(t *testing.T, u Unit, fn func(n *nursery, s *supervisor)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		n := &nursery{}
		s, err := supervise("unit", u, &journal{}, n.start)
		if err != nil {
			t.Fatal(err)
		}
		defer s.stop()
		fn(n, s)
	})
}

func TestSupervisorRestartsAfterRestartSec(t *testing.T) {
	supervised(t, Unit{Restart: restartAlways, RestartPause: 5 * time.Second}, func(n *nursery, s *supervisor) {
		n.last().end(nil) // always means after a clean end as well
		time.Sleep(4999 * time.Millisecond)
		synctest.Wait()
		if n.starts() != 1 {
			t.Fatalf("%d starts before RestartSec= is over", n.starts())
		}
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if n.starts() != 2 {
			t.Fatalf("%d starts after RestartSec=", n.starts())
		}
		if _, ok := s.log.first(time.Time{}, regexp.MustCompile("Main process exited")); !ok {
			t.Error("the journal does not tell of the end")
		}
	})
}

func TestSupervisorLeavesItDead(t *testing.T) {
	for name, tt := range map[string]struct {
		restart string
		err     error
	}{
		"no Restart=":                  {restartNo, errors.New("exit status 1")},
		"a clean end under on-failure": {restartOnFailure, nil},
	} {
		t.Run(name, func(t *testing.T) {
			supervised(t, Unit{Restart: tt.restart}, func(n *nursery, _ *supervisor) {
				n.last().end(tt.err)
				time.Sleep(time.Hour)
				synctest.Wait()
				if n.starts() != 1 {
					t.Errorf("%d starts", n.starts())
				}
			})
		})
	}
}

func TestSupervisorGivesUpAtTheStartLimit(t *testing.T) {
	u := Unit{Restart: restartAlways, RestartPause: time.Second, StartLimitInterval: 10 * time.Second, StartLimitBurst: 3}
	supervised(t, u, func(n *nursery, s *supervisor) {
		for range 10 {
			n.last().end(errors.New("exit status 1"))
			time.Sleep(time.Second)
			synctest.Wait()
		}
		if n.starts() != 3 {
			t.Errorf("%d starts, want the burst of 3", n.starts())
		}
		if got, want := s.log.last(), "unit: Start request repeated too quickly"; got != want {
			t.Errorf("the journal ends with %q, want %q", got, want)
		}
	})
}

func TestSupervisorStaysBelowTheStartLimit(t *testing.T) {
	u := Unit{Restart: restartAlways, RestartPause: 4 * time.Second, StartLimitInterval: 10 * time.Second, StartLimitBurst: 3}
	supervised(t, u, func(n *nursery, _ *supervisor) {
		for range 10 {
			n.last().end(errors.New("exit status 1"))
			time.Sleep(4 * time.Second)
			synctest.Wait()
		}
		if n.starts() != 11 {
			t.Errorf("%d starts, want all 11: three never fall into 10 s", n.starts())
		}
	})
}

func TestSupervisorSaysThatItCannotStart(t *testing.T) {
	supervised(t, Unit{Restart: restartAlways}, func(n *nursery, s *supervisor) {
		n.mu.Lock()
		n.fail = errors.New("no such program")
		n.mu.Unlock()
		n.last().end(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		if got, want := s.log.last(), "unit: no such program"; got != want {
			t.Errorf("the journal ends with %q, want %q", got, want)
		}
	})
}

// TestCleanExit holds real ends against the table of systemd.service(5).
func TestCleanExit(t *testing.T) {
	for script, want := range map[string]bool{
		"exit 0": true, "exit 1": false, "kill -TERM $$": true, "kill -HUP $$": true, "kill -KILL $$": false,
	} {
		err := exec.CommandContext(t.Context(), "sh", "-c", script).Run()
		if got := cleanExit(err); got != want {
			t.Errorf("%s: %v, want %v", script, got, want)
		}
	}
}

func TestSupervisorSignalsTheLatest(t *testing.T) {
	supervised(t, Unit{Restart: restartAlways, RestartPause: time.Second}, func(n *nursery, s *supervisor) {
		n.last().end(nil)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		second := n.last()
		s.signal(syscall.SIGKILL)
		<-second.Done() // hangs if the first was signalled
	})
}
