package resolver

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"edgeagent/internal/config"
)

// refusesBoth checks that with the obstacle mode auto falls back to none, that
// mode file is an error that says why, and that neither changes anything.
func refusesBoth(t *testing.T, r *hostRig, why string) {
	t.Helper()
	before := r.snapshot(t)
	for mode, wantErr := range map[string]bool{config.HostAuto: false, config.HostFile: true} {
		h := hostRigIn(r.dir, func(o *HostOptions) { o.Config.Host = mode })
		err := h.Apply(t.Context())
		if wantErr && (!errors.Is(err, ErrHostMode) || !strings.Contains(err.Error(), why)) {
			t.Errorf("%s: %v, want %q", mode, err, why)
		}
		if !wantErr && (err != nil || h.Mode() != config.HostNone || !strings.Contains(h.log.String(), why)) {
			t.Errorf("%s: mode %s, %v, log %s", mode, h.Mode(), err, h.log)
		}
		if got := r.snapshot(t); got != before {
			t.Errorf("%s: changed to\n%s, was\n%s", mode, got, before)
		}
	}
}

func TestADirectoryInTheWay(t *testing.T) {
	r := newHostRig(t)
	if err := os.Mkdir(r.o.EtcResolvConf, 0o755); err != nil {
		t.Fatal(err)
	}
	refusesBoth(t, r, "resolv.conf is a directory")
}

func TestAPipeInTheWay(t *testing.T) {
	r := newHostRig(t)
	if err := unix.Mkfifo(r.o.EtcResolvConf, 0o644); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(r.o.EtcResolvConf, os.O_RDWR, 0) // who says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	refusesBoth(t, r, "resolv.conf is no regular file")
}

func TestPortsThatResolvConfCannotName(t *testing.T) {
	r := newHostRig(t, func(o *HostOptions) {
		o.Config.Listen = netip53(5353)
		o.Config.Host = config.HostFile
	})
	originals()["file"](t, r)
	if err := r.Apply(t.Context()); !errors.Is(err, ErrHostMode) || !strings.Contains(err.Error(), "port 5353") {
		t.Errorf("Apply: %v", err)
	}
}

func TestAnImmutableFile(t *testing.T) {
	needs(t)
	for _, name := range []string{"etc/resolv.conf", "etc"} {
		t.Run(name, func(t *testing.T) {
			r := newHostRig(t)
			originals()["file"](t, r)
			if err := setImmutable(r.path(name), true); err != nil {
				t.Skipf("needs a file system with chattr +i: %v", err)
			}
			t.Cleanup(func() { _ = setImmutable(r.path(name), false) })
			refusesBoth(t, r, "resolv.conf is immutable")
		})
	}
}

func setImmutable(path string, on bool) error {
	fd, err := unix.Open(path, unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	flags, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	if err != nil {
		return err
	}
	flags &^= unix.STATX_ATTR_IMMUTABLE
	if on {
		flags |= unix.STATX_ATTR_IMMUTABLE
	}
	return unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, flags)
}

// inMounts runs the test again in a mount namespace of its own.
func inMounts(t *testing.T) bool {
	needs(t, "unshare", "mount")
	if !inside() {
		again(t, "unshare", "-m", "--propagation", "private")
		return false
	}
	return true
}

// mountOn mounts something until the test ends.
func mountOn(t *testing.T, point string, args ...string) {
	t.Helper()
	command(t, "mount", append(args, point)...)
	t.Cleanup(func() { command(t, "umount", point) })
}

func TestAReadOnlyFileSystem(t *testing.T) {
	if !inMounts(t) {
		return
	}
	r := newHostRig(t)
	mountOn(t, r.path("etc"), "-t", "tmpfs", "tmpfs")
	originals()["file"](t, r)
	command(t, "mount", "-o", "remount,ro", r.path("etc"))
	refusesBoth(t, r, "resolv.conf lies in a read-only file system")

	// What was done before is as good as ever.
	command(t, "mount", "-o", "remount,rw", r.path("etc"))
	r.apply(t)
	command(t, "mount", "-o", "remount,ro", r.path("etc"))
	_ = os.RemoveAll(r.o.RuntimeDir) // a reboot
	r.apply(t)
	r.wantServers(t, stubAddr)
	if r.Mode() != config.HostFile {
		t.Errorf("mode %s, want file", r.Mode())
	}
}

func TestAFileMountedOver(t *testing.T) {
	if !inMounts(t) {
		return
	}
	r := newHostRig(t)
	originals()["file"](t, r)
	r.put(t, "container/resolv.conf", "nameserver 192.0.2.99\n")
	mountOn(t, r.o.EtcResolvConf, "--bind", r.path("container/resolv.conf"))
	refusesBoth(t, r, "resolv.conf is mounted over")
}

// With no space left every step may fail. Nothing is switched before all that
// it needs is written.
func TestNoSpaceLeft(t *testing.T) {
	if !inMounts(t) {
		return
	}
	for _, full := range []string{"etc", "run/edgeagent"} {
		t.Run(full, func(t *testing.T) {
			r := newHostRig(t)
			mountOn(t, r.path(full), "-t", "tmpfs", "-o", "size=16k,nr_inodes=8", "tmpfs")
			originals()["file"](t, r)
			before := r.snapshot(t)
			fill(t, r.path(full))
			filled := r.snapshot(t)
			if err := r.Apply(t.Context()); !errors.Is(err, syscall.ENOSPC) {
				t.Errorf("Apply: %v", err)
			}
			if got := r.snapshot(t); got != filled {
				t.Errorf("changed to\n%s, was\n%s", got, filled)
			}
			unfill(t, r.path(full))
			r.apply(t)
			r.wantServers(t, stubAddr)
			fill(t, r.path(full))
			r.restore(t) // needs no space
			unfill(t, r.path(full))
			if got := r.snapshot(t); got != before {
				t.Errorf("restored to\n%s, was\n%s", got, before)
			}
		})
	}
}

// fill takes all blocks and inodes of a file system.
func fill(t *testing.T, dir string) {
	t.Helper()
	for i := range 100 {
		name := filepath.Join(dir, "fill"+string(rune('A'+i)))
		if os.WriteFile(name, make([]byte, 32<<10), 0o600) != nil && i > 8 {
			return
		}
	}
	t.Fatal("the file system does not get full")
}

func unfill(t *testing.T, dir string) {
	t.Helper()
	files, _ := filepath.Glob(filepath.Join(dir, "fill*"))
	for _, f := range files {
		_ = os.Remove(f)
	}
}
