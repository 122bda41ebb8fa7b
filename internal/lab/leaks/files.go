package leaks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"edgeagent/internal/lab"
)

// upper is where a node of the lab keeps what differs from the host's /etc.
const upper = "/run/overlay/upper"

// sizeStep is the step in which the size of a directory's files is compared: a
// record may be a line longer, a log that only grows is noticed.
const sizeStep = 64 << 10

// mayCome are files that stay once they are there, of which there is one each.
var mayCome = []string{
	"last-time",         // the clock's, written for the first time after a while
	"reboot-budget",     // of the recovery ladder, kept across boots on purpose
	"kept-session",      // that the broker keeps one, since it first did
	"resolver.upstream", // the uplink's servers, as they were last
	"resolver.repairs",  // the repairs of the last hour
	"resolver.repair",   // rings for the root helper that repairs
}

// files lists those of the agent's directories and of /etc.
func (c *Census) files(l *lab.Lab) error {
	for _, dir := range []string{l.RuntimeDir(), l.StateDir()} {
		bytes, err := c.walk(file, dir)
		if err != nil {
			return err
		}
		c.addN(size, filepath.Base(dir)+fmt.Sprintf(", in steps of %d bytes", sizeStep), int(bytes/sizeStep))
	}
	return l.Device.Do(func() error {
		_, err := c.walk(etc, upper)
		return err
	})
}

// walk counts what is in dir by its path and type; the bytes are of its files.
func (c *Census) walk(k kind, dir string) (bytes int64, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // gone meanwhile
		}
		if err != nil {
			return err
		}
		if slices.Contains(mayCome, e.Name()) || path == dir {
			return nil
		}
		name, _ := filepath.Rel(dir, path) // it is under dir
		if k == file {
			name = filepath.Join(filepath.Base(dir), name)
		}
		if target, err := os.Readlink(path); err == nil {
			name += " -> " + target
		} else if e.IsDir() {
			name += "/"
		}
		c.add(k, name)
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("listing files: %w", err)
	}
	return bytes, nil
}
