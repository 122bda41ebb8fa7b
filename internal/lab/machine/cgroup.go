package machine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/lab"
)

// cgroupRoot is where a node sees the cgroup tree. It is version 2 alone,
// whatever the host's layout: Debian's systemd expects that. Its controllers
// may be missing, and with them limits such as MemoryMax.
const cgroupRoot = "/sys/fs/cgroup"

// cgroupPrefix begins the name of a machine's cgroup: the prefix, the id and
// start time of the program that made it, a number.
const cgroupPrefix = "edgeagent-machine-"

// cgroupTimeout bounds the wait until the kernel has emptied a dead machine's
// cgroups.
const cgroupTimeout = 5 * time.Second

// makeCgroup makes a cgroup for the machine: systemd-nspawn would share ours
// with all others that do.
func (m *Machine) makeCgroup(ctx context.Context) error {
	if err := m.mountCgroups(ctx); err != nil {
		return err
	}
	if err := m.sweepCgroups(); err != nil {
		return err
	}
	owner, err := m.owner()
	if err != nil {
		return err
	}
	return m.node.Do(func() error {
		name, err := os.MkdirTemp(cgroupRoot, cgroupPrefix+owner+"-*")
		m.cgroup = filepath.Base(name)
		return err
	})
}

// mountCgroups gives the node, whose /sys is its own, the cgroup tree.
func (m *Machine) mountCgroups(ctx context.Context) error {
	mounts, err := m.node.Run(ctx, "cat", "/proc/mounts")
	if err != nil || strings.Contains(mounts, " "+cgroupRoot+" cgroup2 ") {
		return err
	}
	_, err = m.node.Run(ctx, "mount", "-t", "cgroup2", "cgroup2", cgroupRoot)
	return err
}

// owner names this process so that no later one can be taken for it.
func (m *Machine) owner() (string, error) {
	labs, err := lab.Labs()
	if err != nil {
		return "", err
	}
	for _, state := range labs {
		if state.Dir == m.lab.Dir {
			return fmt.Sprintf("%d-%s", state.PID, state.Start), nil
		}
	}
	return "", fmt.Errorf("the lab in %s has no state", m.lab.Dir)
}

// sweepCgroups removes those whose program was killed. Their processes died
// with it.
func (m *Machine) sweepCgroups() error {
	var dirs []string
	err := m.node.Do(func() (err error) {
		dirs, err = filepath.Glob(filepath.Join(cgroupRoot, cgroupPrefix+"*"))
		return err
	})
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		fields := strings.Split(strings.TrimPrefix(filepath.Base(dir), cgroupPrefix), "-")
		pid, err := strconv.Atoi(fields[0])
		if err != nil || len(fields) < 2 || (lab.State{PID: pid, Start: fields[1]}).Alive() {
			continue
		}
		// One of another process namespace may be alive; it stays.
		_ = m.node.Do(func() error { return removeTree(dir) })
	}
	return nil
}

// removeCgroup removes the machine's cgroups, which may stay busy for a moment
// after the last process is gone.
func (m *Machine) removeCgroup() error {
	if m.cgroup == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), cgroupTimeout)
	defer cancel()
	return lab.Poll(ctx, pollEvery, func() error {
		return m.node.Do(func() error { return removeTree(filepath.Join(cgroupRoot, m.cgroup)) })
	})
}

// removeTree removes a cgroup and those below it. The files in a cgroup cannot
// be removed and need not be.
func removeTree(dir string) error {
	var dirs []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil // gone meanwhile
	})
	if err != nil {
		return err
	}
	// The innermost first: a cgroup with others below it is busy.
	for _, d := range slices.Backward(dirs) {
		if err := os.Remove(d); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("removing a cgroup: %w", err)
		}
	}
	return nil
}
