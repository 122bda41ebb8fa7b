package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/lab"
)

const (
	statusRounds  = 50
	pipeSize      = 4096 // bytes, the least there is
	blockedWithin = 5 * time.Second
)

// measureStatus measures `edgeagent status` as people and scripts call it.
func measureStatus(ctx context.Context, r *run) (result, error) {
	var whole, socket []time.Duration
	var peak float64
	err := r.with(ctx, lab.Options{}, func(l *lab.Lab, a *lab.Agent) (err error) {
		for range statusRounds {
			begin := time.Now()
			if _, err := a.Screen(ctx); err != nil {
				return err
			}
			whole, begin = append(whole, time.Since(begin)), time.Now()
			if _, err := a.Peek(ctx); err != nil {
				return err
			}
			socket = append(socket, time.Since(begin))
		}
		peak, err = r.statusPeak(ctx, l)
		return err
	})
	return result{
		figures: []figure{
			shown("`edgeagent status`, start to end of the process", "%s", spread(whole)),
			shown("`GET /v1/status` on the control socket", "%s", spread(socket)),
			shown("`edgeagent status`, largest RSS", "%.1f MB", peak),
		},
		text: `The RSS is the kernel's VmHWM, read while the process is held up by a full pipe at the end of its output. (The maximum that
wait4(2) tells begins with the memory of whoever started the process.)`,
	}, err
}

// statusPeak has status write to a pipe that is full already: it then waits with
// everything done, and its memory can be read.
func (r *run) statusPeak(ctx context.Context, l *lab.Lab) (float64, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer read.Close()
	defer write.Close()
	if _, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, pipeSize); err != nil {
		return 0, fmt.Errorf("making a small pipe: %w", err)
	}
	if _, err := write.Write(make([]byte, pipeSize)); err != nil {
		return 0, err
	}
	cmd := l.Device.Command(ctx, r.Bin, "status")
	cmd.Env = append(os.Environ(), "EDGEAGENT_RUNTIME_DIR="+l.RuntimeDir())
	cmd.Stdout = write
	if err := l.Device.Start(cmd); err != nil {
		return 0, err
	}
	defer func() {
		_ = cmd.Process.Kill() // its output is nobody's
		_ = cmd.Wait()
	}()
	waitCtx, cancel := context.WithTimeout(ctx, blockedWithin)
	defer cancel()
	if err := lab.Poll(waitCtx, time.Millisecond, func() error { return waitsForPipe(cmd.Process.Pid) }); err != nil {
		return 0, fmt.Errorf("waiting for status to write: %w", err)
	}
	u, err := readUsage(cmd.Process.Pid)
	return u.peak, err
}

// waitsForPipe is nil when a thread of the process waits for room in a pipe.
func waitsForPipe(pid int) error {
	files, err := filepath.Glob(proc(pid, "task/*/wchan"))
	if err != nil {
		return err
	}
	for _, file := range files {
		if where, err := os.ReadFile(file); err == nil && strings.Contains(string(where), "pipe_write") {
			return nil
		}
	}
	return errors.New("it does not wait for the pipe")
}
