package check

import (
	"context"
	"errors"
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

// checkDisk looks at the places where the agent writes, at the root file system,
// and at what the kernel has seen of the SD card.
func checkDisk(_ context.Context, x *examination) outcome {
	root, o := rootTurned(x.file("/proc/mounts"), x.file("/etc/fstab"))
	if o != nil {
		return *o
	}
	found := list{between: "; "}
	for _, dir := range []string{x.o.StateDir, x.o.RuntimeDir} {
		s, o := space(existing(x.file(dir)))
		if o != nil {
			return *o
		}
		found.parts = append(found.parts, s)
	}
	if name := erring(x.file("/sys/fs/ext4")); name != "" {
		return warning(say("disk.errors", name), say("disk.errors.fix"))
	}
	if low := lowOn(x); len(low.parts) > 0 {
		return warning(say("disk.low", low), say("disk.space.fix"))
	}
	if root != nil {
		found.parts = append(found.parts, root)
	}
	return ok(found)
}

// space says how much is free where dir is, or that nothing can be written there.
func space(dir string) (words, *outcome) {
	var s unix.Statfs_t
	var o outcome
	switch err := unix.Statfs(dir, &s); {
	case err != nil:
		o = fault(say("disk.unknown", dir, foreign(err.Error())), say("disk.space.fix"))
	case s.Flags&unix.ST_RDONLY != 0:
		o = fault(say("disk.readonly", dir), say("disk.readonly.fix", dir))
	case free(s) < diskFull:
		o = fault(say("disk.full", dir), say("disk.space.fix"))
	case s.Files > 0 && s.Ffree == 0:
		o = fault(say("disk.inodes", dir), say("disk.inodes.fix"))
	default:
		return say("disk.free", dir, free(s)>>20), nil
	}
	return nil, &o
}

// rootTurned tells a root file system that the kernel has made read-only, which
// it does when the disk fails (errors=remount-ro in ext4(5)), from one that is
// read-only or volatile on purpose, which is only worth a word.
func rootTurned(mounts, fstab string) (words, *outcome) {
	kind, options := mounted(mounts, "/")
	_, wanted := mounted(fstab, "/")
	switch {
	case kind == "overlay" || kind == "tmpfs":
		return say("disk.volatile"), nil
	case !option(options, "ro"):
		return nil, nil
	case wanted != "" && !option(wanted, "ro"):
		o := fault(say("disk.turned"), say("disk.turned.fix"))
		return nil, &o
	}
	return say("disk.purpose"), nil
}

// mounted returns the type and the options of a mount point in a file of
// fstab(5)'s form. The last entry counts: it hides those before it.
func mounted(file, point string) (kind, options string) {
	data, err := os.ReadFile(file)
	if err != nil {
		return "", ""
	}
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) >= 4 && f[0][0] != '#' && f[1] == point {
			kind, options = f[2], f[3]
		}
	}
	return kind, options
}

func option(options, name string) bool { return strings.Contains(","+options+",", ","+name+",") }

func lowOn(x *examination) list {
	low := list{between: ", "}
	for _, dir := range []string{"/", x.o.StateDir} {
		var s unix.Statfs_t
		dir = existing(x.file(dir))
		if unix.Statfs(dir, &s) == nil && s.Flags&unix.ST_RDONLY == 0 && free(s) < diskLow {
			low.parts = append(low.parts, say("disk.free", dir, free(s)>>20))
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
