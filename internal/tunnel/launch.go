package tunnel

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"edgeagent/internal/handover"
)

// launcher runs a command until it ends or ctx does, and returns when the
// process is gone and reaped, or left to the next run. Events and lines of output
// (without secrets) are handed over as they come, never two at once of a kind.
type launcher func(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit

// launch is the launcher of real processes.
func launch(ctx context.Context, c command, onEvent func(event), onLine func(string)) exit {
	r, err := begin(c)
	if err != nil {
		return exit{err: err}
	}
	defer r.close()
	// Both streams share one pipe: their lines stay in order, and nobody needs to
	// know which is which.
	var said telling
	var readers sync.WaitGroup
	readers.Go(func() { r.events.rest = readEvents(r.events.reader(), onEvent) })
	readers.Go(func() {
		r.output.rest = readLines(r.output.reader(), maxOutputLine, func(line []byte) {
			text := redact(string(line), c.secrets...)
			said.add(text)
			onLine(text)
		})
	})
	status, ended := supervise(ctx, r.process)
	if !ended {
		r.hurry(time.Unix(1, 0))
		readers.Wait()
		return r.leave()
	}
	// A process that left the group may hold a pipe open for ever.
	r.hurry(time.Now().Add(drainGrace))
	readers.Wait()
	return exit{status: status, lived: time.Since(r.begun), said: said.line}
}

// running is a proxy process with the pipes from it.
type running struct {
	process        *handover.Process
	begun          time.Time
	builtin        bool
	output, events stream
}

// begin starts the process of c, or takes over the one that runs already.
func begin(c command) (*running, error) {
	if c.heir != nil {
		r, err := c.heir.adopt()
		if err != nil { // not wrapped: what is missing is no program
			return nil, fmt.Errorf("taking over the proxy: %v", err)
		}
		return r, nil
	}
	output, err := newPipe()
	if err != nil {
		return nil, err
	}
	defer output.w.Close()
	events, err := newPipe()
	if err != nil {
		output.r.Close()
		return nil, err
	}
	defer events.w.Close()
	// No stdin: os/exec gives /dev/null.
	cmd := &exec.Cmd{
		Path: c.path, Args: c.args, Env: c.env, Dir: "/",
		Stdout: output.w, Stderr: output.w, SysProcAttr: attributes(),
	}
	if c.builtin {
		cmd.ExtraFiles = []*os.File{events.w} // becomes eventsFD
	}
	r := &running{begun: time.Now(), builtin: c.builtin, output: stream{file: output.r}, events: stream{file: events.r}}
	if r.process, err = startOnOwnThread(cmd, c.builtin); err != nil {
		r.output.file.Close()
		r.events.file.Close()
		return nil, fmt.Errorf("starting the proxy: %w", err)
	}
	return r, nil
}

// hurry has the readers end at the given time.
func (r *running) hurry(at time.Time) {
	_ = r.output.file.SetReadDeadline(at)
	_ = r.events.file.SetReadDeadline(at)
}

// close is for the end of it all; errors have nobody left to care.
func (r *running) close() {
	r.process.Close()
	r.output.file.Close()
	r.events.file.Close()
}

// pipe has the ends of one pipe.
type pipe struct{ r, w *os.File }

// newPipe returns a pipe that no other child inherits.
func newPipe() (pipe, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return pipe{}, fmt.Errorf("making a pipe for the proxy: %w", err)
	}
	return pipe{r, w}, nil
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
