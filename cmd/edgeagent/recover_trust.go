package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// rootOnly returns an error unless nobody but root can change what file holds:
// a helper that runs as root for another user obeys nothing else. Every
// directory on the way counts, because a name in it could be given to another file.
func rootOnly(file string) error {
	file, err := filepath.Abs(file)
	if err != nil {
		return fmt.Errorf("checking the configuration: %w", err)
	}
	target, err := filepath.EvalSymlinks(file)
	if err != nil {
		return fmt.Errorf("checking the configuration: %w", err)
	}
	for _, start := range []string{target, filepath.Dir(file)} {
		for path := start; ; path = filepath.Dir(path) {
			if err := rootsOwn(path); err != nil {
				return err
			}
			if path == filepath.Dir(path) {
				break
			}
		}
	}
	return nil
}

// rootsOwn checks one file or directory. In a directory with the sticky bit, as
// /tmp, others cannot rename what is root's.
func rootsOwn(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("checking the configuration: %w", err)
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return fmt.Errorf("checking the configuration: %s: the owner is unknown", path)
	case owner.Uid != 0:
		return fmt.Errorf("%s belongs to user %d, and root does not obey it: sudo chown root %s", path, owner.Uid, path)
	case info.Mode().Perm()&0o022 != 0 && !(info.IsDir() && info.Mode()&os.ModeSticky != 0):
		return fmt.Errorf("%s can be written by others than root (%v), and root does not obey it: sudo chmod go-w %s", path, info.Mode().Perm(), path)
	}
	return nil
}
