package resolver

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Addresses of systemd-resolved's stubs.
// https://www.freedesktop.org/software/systemd/man/latest/systemd-resolved.service.html
var (
	resolvedStub  = netip.MustParseAddr("127.0.0.53")
	resolvedProxy = netip.MustParseAddr("127.0.0.54")
)

// dialTimeout bounds the look at a daemon that is stuck.
const dialTimeout = time.Second

// probe finds the facts. What cannot be found out counts as not there.
func (h *Host) probe() facts {
	f := facts{
		ours:           h.file.applied(),
		port:           h.o.Config.Listen.Port(),
		resolved:       h.resolved.control.present() || resolvedRuns(filepath.Dir(h.o.ResolvedConf)),
		nss:            nssAsksResolved(h.o.NSSwitchConf),
		networkManager: isDir(filepath.Dir(h.o.NMResolvConf)),
		resolvconf:     resolvconfKind(h.o.Resolvconf),
	}
	original := h.file.original()
	f.kind, f.target = kindOf(original)
	if f.kind != kindDirectory {
		conf, _ := readConf(original)
		f.owner = conf.owner
		f.names53, f.only53 = slices.Contains(conf.servers, resolvedStub), conf.onlyAsks(resolvedStub)
	}
	if f.resolved {
		f.rival = h.rival()
	}
	if !f.ours { // or a root file system that was made read-only since would undo it
		f.obstacle = obstacle(h.o.EtcResolvConf)
	}
	if f.obstacle == "" && !f.ours && h.sandboxed {
		f.obstacle = h.obstacle.get()
	}
	return f
}

// rival names a link that systemd-resolved would ask for private names.
func (h *Host) rival() string {
	v, err := h.resolved.control.look(context.Background())
	if c, ok := h.resolved.rival(v.claims); ok && err == nil {
		return c.link
	}
	return ""
}

func kindOf(path string) (fileKind, string) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return kindMissing, ""
	case err != nil:
		return kindOther, ""
	case info.Mode()&fs.ModeSymlink != 0:
		target, _ := os.Readlink(path)
		if target == noOriginal {
			return kindMissing, ""
		}
		return kindSymlink, target
	case info.IsDir():
		return kindDirectory, ""
	case info.Mode().IsRegular():
		return kindRegular, ""
	}
	return kindOther, ""
}

// obstacle says why path cannot be replaced by a rename, "" if it can.
func obstacle(path string) string {
	dir := filepath.Dir(path)
	var statx unix.Statx_t
	switch {
	case readOnly(dir):
		return "lies in a read-only file system"
	case unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, 0, &statx) == nil &&
		statx.Attributes&unix.STATX_ATTR_MOUNT_ROOT != 0:
		return "is mounted over (a container's?)"
	case isImmutable(path), isImmutable(dir):
		return "is immutable (chattr +i)"
	}
	return ""
}

// isImmutable reports whether a file or directory has the immutable or the
// append-only flag (ioctl_iflags(2)).
func isImmutable(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	const blocked = unix.STATX_ATTR_IMMUTABLE | unix.STATX_ATTR_APPEND // the same bits as FS_IMMUTABLE_FL, FS_APPEND_FL
	return err == nil && flags&blocked != 0
}

// resolvedRuns reports whether systemd-resolved answers in its runtime
// directory. The files there outlive it, a socket nobody listens on tells. Before
// version 246 there was none.
func resolvedRuns(dir string) bool {
	socket := filepath.Join(dir, "io.systemd.Resolve")
	if _, err := os.Lstat(socket); err != nil {
		_, err = os.Lstat(filepath.Join(dir, "resolv.conf"))
		return err == nil
	}
	conn, err := net.DialTimeout("unix", socket, dialTimeout)
	if err != nil {
		return !errors.Is(err, unix.ECONNREFUSED)
	}
	_ = conn.Close()
	return true
}

// nssAsksResolved reports whether nsswitch.conf(5) has nss-resolve for hosts.
func nssAsksResolved(path string) bool {
	data, _ := readSmall(path)
	for line := range strings.Lines(string(data)) {
		line, _, _ = strings.Cut(line, "#")
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "hosts:"); ok {
			return slices.Contains(strings.Fields(rest), "resolve")
		}
	}
	return false
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// resolvconfKind tells the programs of that name apart without running them.
func resolvconfKind(path string) string {
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	if filepath.Base(target) == "resolvectl" {
		return resolvconfResolved
	}
	if data, err := readSmall(target); err == nil && bytes.Contains(bytes.ToLower(data), []byte("openresolv")) {
		return resolvconfOpen
	}
	return resolvconfDebian
}
