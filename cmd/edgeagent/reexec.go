package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/agent"
	"edgeagent/internal/handover"
)

// Limits of trying a new program. The oldest Pi needs a second for each step.
const (
	tryLimit  = 20 * time.Second
	tryOutput = 300 // bytes of its complaint that are shown
	// orphanGrace is for each child of the image before that nobody takes.
	orphanGrace = time.Second
)

// ownImage leads to the file that this process runs, even if it was replaced or
// removed since.
const ownImage = "/proc/self/exe"

// image is the program that runs, and where it came from.
type image struct {
	path string      // "": not known, and so never replaced
	info os.FileInfo // of the file that runs
}

// findImage notes the image's path while it is still certain: after an upgrade
// the kernel's link says "(deleted)". The name that the program was called by is
// better than the link's target: an upgrade may move a symbolic link.
func findImage() image {
	info, err := os.Stat(ownImage)
	if err != nil {
		return image{}
	}
	linked, _ := os.Readlink(ownImage)
	for _, path := range []string{os.Args[0], linked} {
		if there, err := os.Stat(path); err == nil && filepath.IsAbs(path) && os.SameFile(there, info) {
			return image{path, info}
		}
	}
	return image{strings.TrimSuffix(linked, " (deleted)"), info}
}

// replaced reports whether the program's file is another one now. A missing file
// is an error: an upgrade that has not come to its end.
func (i image) replaced() (bool, error) {
	if i.path == "" {
		return false, nil
	}
	there, err := os.Stat(i.path)
	if err != nil {
		return false, fmt.Errorf("looking at the program's file: %w", err)
	}
	same := os.SameFile(there, i.info) && there.Size() == i.info.Size() && there.ModTime().Equal(i.info.ModTime())
	return !same, nil
}

// try has the new program say its version and read the configuration: what does
// not run, or not with this configuration, shall not take over.
func (i image) try(ctx context.Context, configFile string) error {
	ctx, cancel := context.WithTimeout(ctx, tryLimit)
	defer cancel()
	for _, args := range [][]string{{"version"}, {"config", "check", configFile}} {
		cmd := exec.CommandContext(ctx, i.path, args...)
		cmd.WaitDelay = time.Second
		out, err := cmd.CombinedOutput()
		if ctx.Err() != nil {
			err = errors.New("it does not come to an end")
		}
		if err != nil {
			return fmt.Errorf("running %s %s: %w%s", i.path, strings.Join(args, " "), err, complaint(out))
		}
	}
	return nil
}

// complaint is the first line that a program printed.
func complaint(out []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	if line == "" {
		return ""
	}
	return ": " + line[:min(len(line), tryOutput)]
}

// execute replaces this process's image, with everything in h kept. It returns
// only if that failed; h then is as it was, but signals are disarmed.
func (i image) execute(ctx context.Context, h *agent.Handover, stub *agent.StubSockets) error {
	h.Stub = stub.SocketFiles()
	defer func() {
		for _, s := range h.Stub {
			handover.Close(s.FD)
		}
		h.Stub = nil
	}()
	record, err := handover.Save(schema(), h)
	if err != nil {
		return err
	}
	defer record.Close()
	if err := disarmSignals(ctx); err != nil {
		return err
	}
	return handover.Exec(i.path, os.Args, os.Environ(), record, h.FDs())
}

// handoverSchema is agent.HandoverSchema, unless the linker sets another: tests
// build a program of another time with it.
var handoverSchema string

func schema() int {
	n, err := strconv.Atoi(handoverSchema)
	if err != nil {
		return agent.HandoverSchema
	}
	return n
}

// loadHandover returns what the image before left in this process, or nil. What
// cannot be read, as it is of a version that writes it otherwise, is cleared away
// for a fresh start; note says so.
func loadHandover() (h *agent.Handover, note string) {
	fd, pending := handover.Pending()
	if !pending {
		return nil, ""
	}
	h = new(agent.Handover)
	err := handover.Load(fd, schema(), h)
	if err != nil {
		h, note = nil, fmt.Sprintf("starting afresh: %v", err)
	}
	var fds, pids []int
	if h != nil {
		fds, pids = h.FDs(), h.PIDs()
	}
	ended, err := handover.Claim(fds, pids, orphanGrace)
	if err != nil || ended > 0 {
		note = strings.TrimPrefix(fmt.Sprintf("%s; ended %d processes of the program before: %v", note, ended, err), "; ")
	}
	return h, note
}
