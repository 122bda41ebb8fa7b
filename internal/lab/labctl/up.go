package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"edgeagent/internal/lab"
)

// up brings a lab up and keeps it until ctx ends. A program that is given runs
// as the agent on its device.
func up(ctx context.Context, out io.Writer, bin string) (err error) {
	begin := time.Now()
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	fmt.Fprintf(out, "The lab is up after %s. In another terminal, as root:\n", since(begin))
	fmt.Fprintln(out, "  bin/labctl shell          the device")
	fmt.Fprintln(out, "  bin/labctl shell uplink   the router at its site, with the public DNS and the trap")
	fmt.Fprintln(out, "  bin/labctl shell vpc      the far side")
	fmt.Fprintf(out, "Logs are in %s/log, all that the device sends in %s.\n", l.Dir, l.Capture.File)
	if bin != "" {
		if err := offer(bin, l.Dir); err != nil {
			return err
		}
		if _, err := l.StartAgent(bin); err != nil {
			return err
		}
		fmt.Fprintln(out, "The agent runs: edgeagent status on the device.")
	}
	fmt.Fprintln(out, "Ctrl-C takes everything down.")
	<-ctx.Done()
	return nil
}

// offer puts the program where shells of the device look for it.
func offer(bin, dir string) error {
	whole, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	return os.Symlink(whole, filepath.Join(dir, "device", "edgeagent"))
}

// shell replaces this program by a shell, or by a command, on a node of the
// lab that was started last.
func shell(args []string) error {
	node := "device"
	if len(args) > 0 {
		node, args = args[0], args[1:]
	}
	state, pid, err := find(node)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"/bin/bash", "--norc"}
	}
	nsenter, err := exec.LookPath("nsenter")
	if err != nil {
		return err
	}
	// The lab's own init is 1 in there, and the host name its node's.
	argv := append([]string{"nsenter", "-t", strconv.Itoa(pid), "-n", "-m", "-r", "-p", "-u", "--"}, args...)
	env := append(os.Environ(),
		"EDGEAGENT_RUNTIME_DIR="+state.Dir+"/device/run",
		"PATH="+state.Dir+"/device:"+os.Getenv("PATH"),
		`PS1=\h:\w# `)
	return syscall.Exec(nsenter, argv, env)
}

// find returns the living lab that was started last and the process to enter.
func find(node string) (lab.State, int, error) {
	if node == "device" {
		node = lab.Thing
	}
	labs, err := lab.Labs()
	if err != nil {
		return lab.State{}, 0, err
	}
	var last lab.State
	var lastTime time.Time
	for _, s := range labs {
		info, err := os.Stat(s.Dir)
		if err == nil && s.Alive() && info.ModTime().After(lastTime) {
			last, lastTime = s, info.ModTime()
		}
	}
	if last.Dir == "" {
		return last, 0, errors.New("no lab is up: make lab")
	}
	pid, ok := last.Nodes[node]
	if !ok {
		return last, 0, fmt.Errorf("no node %q: device, uplink or vpc", node)
	}
	return last, pid, nil
}

// since returns the time since begin, in steps fit for reading.
func since(begin time.Time) time.Duration { return time.Since(begin).Round(10 * time.Millisecond) }
