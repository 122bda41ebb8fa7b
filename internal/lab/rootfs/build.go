package rootfs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// cacheEnv names another directory for what is built.
const cacheEnv = "EDGEAGENT_CACHE"

// lockEvery paces the wait for another builder of the same file system.
const lockEvery = 100 * time.Millisecond

// killGrace is how long mmdebstrap may take to tidy up when it is told to end.
const killGrace = 10 * time.Second

// Unavailable says in one line why nothing can be built here, or "".
func Unavailable() string {
	if os.Geteuid() != 0 {
		return "needs root: it makes root file systems"
	}
	if _, err := exec.LookPath("mmdebstrap"); err != nil {
		return "needs mmdebstrap: apt-get install mmdebstrap"
	}
	if _, err := mirror("/etc/apt"); err != nil {
		return "needs a Debian mirror: " + err.Error()
	}
	return ""
}

// Build returns the directory of a root file system, which it makes unless
// that has been done before. It must not be written to: others share it.
// Several may be built at once; who wants the same one waits for it.
func Build(ctx context.Context, o Options) (dir string, err error) {
	o = o.normal()
	src, err := Source(o.Release)
	if err != nil {
		return "", err
	}
	cache, err := CacheDir("rootfs")
	if err != nil {
		return "", err
	}
	dir = filepath.Join(cache, o.key(src))
	unlock, err := lock(ctx, dir+".lock")
	if err != nil {
		return "", fmt.Errorf("waiting for another builder of %s: %w", filepath.Base(dir), err)
	}
	defer unlock()
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := build(ctx, o, src, dir); err != nil {
		return "", fmt.Errorf("building a root file system of %s %s: %w", o.Release, o.Arch, err)
	}
	return dir, nil
}

// build makes it under another name, so that what bears the final one is complete.
func build(ctx context.Context, o Options, src, dir string) error {
	unfinished := dir + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return err
	}
	if err := mmdebstrap(ctx, o, src, unfinished); err != nil {
		return err
	}
	if err := settle(unfinished, filepath.Base(dir)); err != nil {
		return err
	}
	return os.Rename(unfinished, dir)
}

func mmdebstrap(ctx context.Context, o Options, src, dir string) error {
	args := []string{
		"--quiet", "--format=directory", "--variant=minbase", "--architectures=" + o.Arch,
		"--aptopt=APT::Install-Recommends \"false\"",
		"--include=" + strings.Join(o.Packages, ","),
	}
	for _, opt := range o.AptOptions {
		args = append(args, "--aptopt="+opt)
	}
	cmd := exec.CommandContext(ctx, "mmdebstrap", append(args, o.Release, dir, src)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = killGrace
	if o.Prepare != nil {
		if err := o.Prepare(cmd); err != nil {
			return err
		}
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("mmdebstrap: %w: %s", err, tail(out.String(), 20))
	}
	return nil
}

// CacheDir returns, and makes, the directory for one kind of thing that takes
// long to get. It is kept, and anybody may remove it.
func CacheDir(kind string) (string, error) {
	dir := os.Getenv(cacheEnv)
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			user = os.TempDir() // no HOME: under a service manager
		}
		dir = filepath.Join(user, "edgeagent")
	}
	dir = filepath.Join(dir, kind)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("making the cache: %w", err)
	}
	return dir, nil
}

// lock takes an exclusive lock that the kernel drops if this process dies. The
// file stays: to remove it would let two builders hold different ones.
func lock(ctx context.Context, name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { f.Close() }, nil
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-tick.C:
		}
	}
}

// tail returns the last n lines of text.
func tail(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
