package handover

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Claim makes fds this image's own: close-on-exec again. Whatever else the
// image before left open is closed, and children that are not in pids are ended
// within grace each and reaped. It returns how many of those there were. To be
// called before anything is started.
func Claim(fds, pids []int, grace time.Duration) (ended int, err error) {
	open, err := inherited()
	for _, fd := range open {
		if !slices.Contains(fds, fd) {
			Close(fd)
		}
	}
	err = errors.Join(err, keep(fds, false))
	children, childErr := children()
	for _, pid := range children {
		if slices.Contains(pids, pid) {
			continue
		}
		if EndChild(pid, grace) {
			ended++
		}
	}
	return ended, errors.Join(err, childErr)
}

// EndChild ends and reaps a child that nobody watches. It is false if there is
// no such child.
func EndChild(pid int, grace time.Duration) bool {
	p, err := watch(pid)
	if err != nil {
		return false
	}
	p.End(grace)
	return true
}

// children returns the pids of this process's children, zombies too.
func children() ([]int, error) {
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(dir[strings.LastIndexByte(dir, '/')+1:])
		if err != nil {
			continue
		}
		if parent, _, err := stat(pid); err == nil && parent == os.Getpid() {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}
