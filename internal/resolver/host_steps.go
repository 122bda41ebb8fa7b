package resolver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	lockRetry = 20 * time.Millisecond
	lockWait  = 5 * time.Second
)

// create writes a new file that is on the disk before it gets its name.
func (f *fileMode) create(path string, content []byte) error {
	if err := f.remove(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o644)
	if err != nil {
		return err
	}
	f.step("create")
	_, err = file.Write(content)
	f.step("write")
	if err == nil {
		err = file.Chmod(0o644) // whatever the umask
	}
	if err == nil {
		err = file.Sync()
	}
	f.step("fsync")
	if err = errors.Join(err, file.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

func (f *fileMode) symlink(target, path string) error {
	err := os.Symlink(target, path)
	f.step("symlink")
	return err
}

func (f *fileMode) link(from, to string) error {
	err := os.Link(from, to)
	f.step("link")
	return err
}

func (f *fileMode) rename(from, to string) error {
	err := os.Rename(from, to)
	f.step("rename")
	return err
}

// exchange swaps etc and saved.
func (f *fileMode) exchange() error {
	err := f.swap(f.saved, f.etc)
	f.step("exchange")
	if err != nil {
		return &os.LinkError{Op: "exchange", Old: f.saved, New: f.etc, Err: err}
	}
	return nil
}

func renameExchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}

// remove deletes a file if it is there. It looks first: in a read-only file
// system even deleting nothing fails.
func (f *fileMode) remove(path string) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	err := os.Remove(path)
	f.step("unlink")
	return err
}

func (f *fileMode) sync(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	err = d.Sync()
	f.step("fsync")
	return err
}

// giveToOwnerOf lets the daemon, whose directory it is, open a file that root
// made. Who is not root has nothing to give.
func giveToOwnerOf(dir string, file *os.File) {
	if info, err := os.Stat(dir); err == nil {
		if stat, ok := info.Sys().(*syscall.Stat_t); ok {
			_ = file.Chown(int(stat.Uid), int(stat.Gid))
		}
	}
}

func (f *fileMode) locked(ctx context.Context) (unlock func(), err error) {
	return lockFile(ctx, f.lock)
}

// lockFile keeps other processes out until the returned function is called. The
// kernel does that if this one dies.
func lockFile(ctx context.Context, path string) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	giveToOwnerOf(filepath.Dir(path), file)
	ctx, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	for {
		err = unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return func() { _ = file.Close() }, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) || ctx.Err() != nil {
			_ = file.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
		pause(ctx, lockRetry)
	}
}
