package check

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// Free space under which programs begin to fail, and under which they fail soon.
const (
	diskFull = 1 << 20  // bytes
	diskLow  = 50 << 20 // bytes
)

// checkDisk looks at the places where the agent writes, and at what the kernel
// has seen of the SD card.
func checkDisk(_ context.Context, x *examination) outcome {
	var findings []string
	for _, dir := range []string{x.o.StateDir, x.o.RuntimeDir} {
		finding, err := space(existing(x.file(dir)))
		if err != nil {
			return fault(err.Error(), "free some space (`sudo journalctl --vacuum-size=50M`, `sudo apt clean`), or make the file system writable.")
		}
		findings = append(findings, finding)
	}
	if name := erring(x.file("/sys/fs/ext4")); name != "" {
		return warning(fmt.Sprintf("the file system on %s has errors", name), "replace the SD card soon: `sudo dmesg | grep -i ext4` shows what fails.")
	}
	if low := strings.Join(lowOn(x), ", "); low != "" {
		return warning("little space is left: "+low, "free some space: `sudo journalctl --vacuum-size=50M`, `sudo apt clean`.")
	}
	return ok(strings.Join(findings, "; "))
}

// space says how much is free where dir is. The error is a place where nothing
// can be written.
func space(dir string) (string, error) {
	var s unix.Statfs_t
	switch err := unix.Statfs(dir, &s); {
	case err != nil:
		return "", fmt.Errorf("looking at %s: %w", dir, err)
	case s.Flags&unix.ST_RDONLY != 0:
		return "", fmt.Errorf("%s is in a read-only file system", dir)
	case free(s) < diskFull:
		return "", fmt.Errorf("the file system of %s is full", dir)
	case s.Files > 0 && s.Ffree == 0:
		return "", fmt.Errorf("the file system of %s has no free inode: too many small files", dir)
	}
	return fmt.Sprintf("%s: %d MB free", dir, free(s)>>20), nil
}

func lowOn(x *examination) []string {
	var low []string
	for _, dir := range []string{"/", x.o.StateDir} {
		var s unix.Statfs_t
		dir = existing(x.file(dir))
		if unix.Statfs(dir, &s) == nil && s.Flags&unix.ST_RDONLY == 0 && free(s) < diskLow {
			low = append(low, fmt.Sprintf("%s: %d MB", dir, free(s)>>20))
		}
	}
	return low
}

func free(s unix.Statfs_t) uint64 { return s.Bavail * uint64(s.Bsize) }

// existing is dir, or the directory that it would be made in.
func existing(dir string) string {
	for dir != "/" {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			return dir
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// erring names a file system for which ext4 counts errors (Documentation/
// filesystems/ext4: errors_count), "" if none.
func erring(dir string) string {
	counters, _ := filepath.Glob(filepath.Join(dir, "*", "errors_count"))
	for _, c := range counters {
		if data, err := os.ReadFile(c); err == nil && strings.TrimSpace(string(data)) != "0" {
			return filepath.Base(filepath.Dir(c))
		}
	}
	return ""
}
