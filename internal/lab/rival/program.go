package rival

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"edgeagent/internal/lab"
)

// program is a program of the stack on the device.
type program struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error // read after done
}

// launch starts a unit's program on the device, its output in the journal.
func launch(l *lab.Lab, name string, u Unit, log *journal) (process, error) {
	out, err := log.pipe(name)
	if err != nil {
		return nil, err
	}
	defer out.Close() // the program has its own descriptor
	// It outlives every step that is bounded: the supervisor ends it.
	cmd := l.Device.Command(context.Background(), u.ExecStart[0], u.ExecStart[1:]...)
	if u.WorkingDirectory != "" {
		cmd.Dir = u.WorkingDirectory
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := l.Device.Start(cmd); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p := &program{cmd: cmd, done: make(chan struct{})}
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// Done implements process.
func (p *program) Done() <-chan struct{} { return p.done }

// Err implements process. It waits for the end.
func (p *program) Err() error {
	<-p.done
	return p.err
}

// Signal implements process; to a program that is gone it does nothing.
func (p *program) Signal(sig os.Signal) { _ = p.cmd.Process.Signal(sig) }
