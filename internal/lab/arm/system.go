package arm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"edgeagent/internal/lab/rootfs"
)

// packages are what a root file system needs to boot by itself, besides rootfs.Base:
// device nodes, modules, and a client that sets the clock.
func packages() []string { return []string{"kmod", "udev", "systemd-timesyncd"} }

// enterScript is run with the root file system's directory as its $0.
const enterScript = `mount --rbind /dev "$0/dev" && mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`

// System is a foreign root file system of one's own. Its programs run on this
// machine, but nothing in it is running.
type System struct {
	Dir  string
	Arch Arch
}

// NewSystem makes a System in dir, which must exist. The first of an
// architecture takes minutes to build; its copies take seconds.
func NewSystem(ctx context.Context, arch Arch, dir string) (*System, error) {
	runtime.LockOSThread() // see run
	defer runtime.UnlockOSThread()
	root, err := rootfs.Build(ctx, rootfs.Options{
		Release: arch.Release, Arch: arch.Deb, Packages: packages(),
		Prepare: func(cmd *exec.Cmd) error { return Emulate(cmd, arch) },
	})
	if err != nil {
		return nil, err
	}
	// A copy, not an overlay: no mount has to be undone, and mkfs.ext4 reads it.
	if _, err := tool(ctx, "cp", "-a", root+"/.", dir); err != nil {
		return nil, err
	}
	return &System{dir, arch}, nil
}

// Command prepares a program of the System, to be run by run.
func (s *System) Command(ctx context.Context, argv ...string) (*exec.Cmd, error) {
	args := append([]string{"-c", enterScript, s.Dir}, argv...)
	cmd := exec.CommandContext(ctx, "/bin/sh", args...)
	// This machine's environment is nothing to a foreign system.
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "DEBIAN_FRONTEND=noninteractive"}
	return cmd, Emulate(cmd, s.Arch)
}

// Run runs a program of the System and returns what it wrote to its standard
// output. The error quotes its standard error.
func (s *System) Run(ctx context.Context, argv ...string) (string, error) {
	cmd, err := s.Command(ctx, argv...)
	if err != nil {
		return "", err
	}
	out, err := output(cmd)
	if err != nil {
		err = fmt.Errorf("running %s on %s: %w", strings.Join(argv, " "), s.Arch.Deb, err)
	}
	return out, err
}

// Install installs a package as a technician does, and returns what apt said.
func (s *System) Install(ctx context.Context, deb string) (string, error) {
	data, err := os.ReadFile(deb)
	if err != nil {
		return "", fmt.Errorf("installing a package: %w", err)
	}
	inside := filepath.Join("/root", filepath.Base(deb))
	if err := s.Write(inside, string(data), 0o644); err != nil {
		return "", err
	}
	return s.Run(ctx, "apt-get", "-q", "install", "-y", "--no-install-recommends", inside)
}

// Write writes a file of the System, with the directories it lies in.
func (s *System) Write(name, content string, mode os.FileMode) error {
	path := filepath.Join(s.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing a file of a root file system: %w", err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		return fmt.Errorf("writing a file of a root file system: %w", err)
	}
	return os.Chmod(path, mode) // an older file's own, and whatever the umask says
}

// tool runs a program of this machine and returns what it wrote to its standard
// output.
func tool(ctx context.Context, argv ...string) (string, error) {
	out, err := output(exec.CommandContext(ctx, argv[0], argv[1:]...))
	if err != nil {
		err = fmt.Errorf("running %s: %w", strings.Join(argv, " "), err)
	}
	return out, err
}

// output runs cmd and returns what it wrote to its standard output. The error
// quotes both its outputs: dpkg tells its faults on either.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := run(cmd)
	if err != nil {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(stdout.String()+stderr.String()))
	}
	return stdout.String(), err
}
