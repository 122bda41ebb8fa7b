package rival

import (
	"context"
	"fmt"
	"sync"
	"syscall"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// statusEvery is how often the agent is asked how it is; a loss is noticed at
// most this much late.
const statusEvery = 50 * time.Millisecond

// agent is the agent's stack: the real program with its own defaults, under the
// same supervisor.
type agent struct {
	*journal
	daemon *supervisor
	quit   context.CancelFunc
	done   chan struct{}

	mu      sync.Mutex
	current *lab.Agent
}

// startAgent starts the agent and begins to watch its status.
func startAgent(l *lab.Lab, bin string) (*agent, error) {
	text, err := conf.ReadFile("conf/edgeagent.service")
	if err != nil {
		return nil, err
	}
	unit, err := ParseUnit("", string(text))
	if err != nil {
		return nil, err
	}
	a := &agent{journal: &journal{}, done: make(chan struct{})}
	// The lab starts it, with the directories and the configuration of all its tests;
	// the program that ExecStart= names is the installed one.
	a.daemon, err = supervise("edgeagent", unit, a.journal, func() (process, error) {
		started, err := l.StartAgent(bin)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		a.current = started
		a.mu.Unlock()
		return started, nil
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	a.quit = cancel
	go a.watch(ctx)
	return a, nil
}

// watch writes every change of the whole status to the journal.
func (a *agent) watch(ctx context.Context) {
	defer close(a.done)
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	for last := ""; ; {
		if now := a.ask(ctx); now != "" && now != last {
			a.add("status", now)
			last = now
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ask returns the state of the whole and, if it is not ok, what is to be fixed; ""
// if there was no answer in time: a machine that is busy says nothing of the agent.
func (a *agent) ask(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	a.mu.Lock()
	current := a.current
	a.mu.Unlock()
	s, err := current.Peek(ctx)
	switch {
	case ctx.Err() != nil:
		return ""
	case err != nil:
		return "no daemon"
	case s.FixFirst == nil:
		return string(s.State)
	case s.FixFirst.Stage == "tunnel":
		// The observer's own messages are refused: they announce no tunnel.
		return string(status.OK)
	}
	return fmt.Sprintf("%s %s %s", s.State, s.FixFirst.Stage, s.FixFirst.Reason)
}

// noticed is the first status since then that is not ok.
func (a *agent) noticed(since time.Time) (entry, bool) {
	return a.firstNot(since, "status: "+string(status.OK))
}

func (a *agent) killMQTT() { a.daemon.signal(syscall.SIGKILL) }

// stop ends the daemon; what it leaves ends with the lab.
func (a *agent) stop() {
	a.quit()
	<-a.done
	a.daemon.stop()
}
