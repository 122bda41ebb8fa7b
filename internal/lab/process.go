package lab

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// stopGrace is how long a program may take to end after SIGTERM.
const stopGrace = 10 * time.Second

// Process is a program that the lab runs on a node.
type Process struct {
	Name string
	Log  string // file with its output, kept across restarts

	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended; read after done
}

// start runs a program on a node until it is stopped or the node is closed.
func (l *Lab) start(n *Node, name string, argv ...string) (*Process, error) {
	return l.startCmd(n, name, exec.Command(argv[0], argv[1:]...))
}

// startCmd is start for a command that has more than arguments.
func (l *Lab) startCmd(n *Node, name string, cmd *exec.Cmd) (*Process, error) {
	logFile := l.path("log", name+".log")
	if err := os.MkdirAll(filepath.Dir(logFile), 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close() // the program has its own descriptor
	p := &Process{Name: name, Log: logFile, cmd: cmd, done: make(chan struct{})}
	// The program gets the descriptor itself, no pipe: it may outlive the
	// goroutine that would read it.
	p.cmd.Dir = "/"
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := n.Start(p.cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id as the host sees it.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the program has ended and been reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err returns how the program ended, as exec.Cmd.Wait tells it. It waits for it.
func (p *Process) Err() error {
	<-p.done
	return p.err
}

// Signal sends a signal; to a program that is gone it does nothing.
func (p *Process) Signal(sig os.Signal) {
	_ = p.cmd.Process.Signal(sig) // gone already
}

// Kill ends the program by SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.done
}

// Stop ends the program by SIGTERM, after ten seconds by SIGKILL, and returns
// how long it took.
func (p *Process) Stop() time.Duration {
	begin := time.Now()
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stopGrace):
		p.Kill()
	}
	return time.Since(begin)
}

// alive returns an error that quotes the log if the program has ended.
func (p *Process) alive() error {
	select {
	case <-p.done:
		text, _ := os.ReadFile(p.Log)
		return fmt.Errorf("%s ended: %v: %s", p.Name, p.err, text)
	default:
		return nil
	}
}
