package tunnel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// launcher runs a command until it ends or ctx does, and returns when the
// process is gone and reaped. Events and lines of output (without secrets) are
// handed over as they come, never two at once of a kind.
type launcher func(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit

// launch is the launcher of real processes.
func launch(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit {
	output, err := newPipe()
	if err != nil {
		return exit{err: err}
	}
	defer output.close()
	events, err := newPipe()
	if err != nil {
		return exit{err: err}
	}
	defer events.close()

	// No stdin: os/exec gives /dev/null.
	cmd := &exec.Cmd{
		Path: c.path, Args: c.args, Env: c.env, Dir: "/",
		Stdout: output.w, Stderr: output.w, SysProcAttr: attributes(),
	}
	if c.builtin {
		cmd.ExtraFiles = []*os.File{events.w} // becomes eventsFD
	}
	// Both streams share one pipe: their lines stay in order, and nobody needs to
	// know which is which.
	var said telling
	var readers sync.WaitGroup
	readers.Go(func() { readEvents(events.r, onEvent) })
	readers.Go(func() {
		readLines(output.r, maxOutputLine, func(line []byte) {
			text := redact(string(line), c.secrets...)
			said.add(text)
			onLine(text)
		})
	})
	x := superviseOnOwnThread(ctx, cmd, c.builtin, func() { output.w.Close(); events.w.Close() })
	drain(&readers, output.r, events.r)
	x.said = said.line
	return x
}

// pipe has the ends of one pipe; closing an end twice is harmless.
type pipe struct{ r, w *os.File }

// newPipe returns a pipe that no other child inherits.
func newPipe() (pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return pipe{}, fmt.Errorf("making a pipe for the proxy: %w", err)
	}
	return pipe{r, w}, nil
}

// close is for the end of it all; errors have nobody left to care.
func (p pipe) close() { p.r.Close(); p.w.Close() }

// drain waits for the readers to take what the dead process wrote. A process
// that left the group may hold a pipe open for ever, hence the deadline.
func drain(readers *sync.WaitGroup, pipes ...*os.File) {
	for _, p := range pipes {
		_ = p.SetReadDeadline(time.Now().Add(drainGrace))
	}
	readers.Wait()
}

// telling picks the line that explains a process's end: the head of a Go crash
// (its stack follows) or else the last line.
type telling struct {
	line  string
	final bool
}

// add takes the next line of the process's output.
func (t *telling) add(line string) {
	line = clean(strings.TrimSpace(line), maxReason)
	if t.final || line == "" {
		return
	}
	t.line = line
	t.final = strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ")
}
