package handover

import (
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Exec replaces this process's image by path, which gets the record and fds. It
// returns only if that failed; then nothing has changed. No child can be
// started meanwhile that would inherit any of it.
func Exec(path string, args, env []string, record *os.File, fds []int) error {
	recordFD, err := Dup(record)
	if err != nil {
		return err
	}
	defer Close(recordFD)
	kept := append([]int{recordFD}, fds...)
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	defer keep(kept, false)
	if err := keep(kept, true); err != nil {
		return err
	}
	return &os.PathError{Op: "execve", Path: path, Err: syscall.Exec(path, args, environment(env, recordFD))}
}

// environment is env with the record's descriptor, and without the sockets that
// systemd passed to the image before (sd_listen_fds(3)): their numbers are stale.
func environment(env []string, record int) []string {
	stale := []string{Env, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "LISTEN_PIDFDID"}
	out := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains(stale, name)
	})
	return append(out, Env+"="+strconv.Itoa(record))
}
