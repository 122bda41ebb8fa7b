package resolver

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// budget bounds the repairs in an hour, whoever makes them: the daemon as root,
// or its helper, of which each run is a process of its own. The file holds a
// line with the time of each.
type budget struct{ path string }

// spent returns the times of the repairs in the hour before now, oldest first.
// A time to come is of a clock that has been set back since.
func (b budget) spent(now time.Time) []time.Time {
	data, err := readSmall(b.path)
	if err != nil {
		return nil
	}
	var times []time.Time
	for line := range strings.Lines(string(data)) {
		at, err := time.Parse(time.RFC3339Nano, strings.TrimSpace(line))
		if err == nil && !at.After(now) && now.Sub(at) < repairWindow {
			times = append(times, at)
		}
	}
	return times
}

// next returns when one more repair may be made: now, or when the oldest is an
// hour ago.
func (b budget) next(now time.Time) time.Time {
	if times := b.spent(now); len(times) >= maxRepairs {
		return times[len(times)-maxRepairs].Add(repairWindow)
	}
	return now
}

// take notes a repair at now.
func (b budget) take(now time.Time) error {
	var lines strings.Builder
	for _, at := range append(b.spent(now), now) {
		lines.WriteString(at.Format(time.RFC3339Nano) + "\n")
	}
	return replaceFile(b.path, []byte(lines.String()))
}

// replaceFile writes a small file of the runtime directory as a whole, and gives
// it to that directory's owner. Nothing in there is followed: the daemon, which
// owns it, is not trusted by its root helper.
func replaceFile(path string, content []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	giveToOwnerOf(filepath.Dir(path), file)
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// RingForRepair asks the root helper for a repair: its path unit watches the
// file that this writes. It is HostOptions.Repair of a daemon that is not root.
func RingForRepair(runtimeDir string) func(context.Context) error {
	return func(context.Context) error {
		return os.WriteFile(filepath.Join(runtimeDir, bellName), []byte("please repair\n"), 0o644)
	}
}

// bellName is the file in the runtime directory that edgeagent-resolver.path
// watches beside /etc/resolv.conf.
const bellName = "resolver.repair"
