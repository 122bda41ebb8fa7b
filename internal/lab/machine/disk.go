package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// disk is where a machine's writes go: an overlay of the root file system,
// whose upper layer is in memory or on an ext4 image.
type disk struct {
	image   string // "" for memory
	mounted bool
}

// upper is the mount point of what takes the writes, root that of the whole,
// state that of root's /var/lib, which stays writable when root is not.
func (m *Machine) upper() string { return filepath.Join(m.dir, "upper") }
func (m *Machine) root() string  { return filepath.Join(m.dir, "root") }
func (m *Machine) state() string { return filepath.Join(m.dir, "state") }

// makeDisk makes an empty disk and mounts it.
func (m *Machine) makeDisk(ctx context.Context) error {
	for _, dir := range []string{m.upper(), m.root(), m.state()} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if m.opts.Disk > 0 {
		m.disk.image = filepath.Join(m.dir, "disk.ext4")
		if err := makeImage(ctx, m.disk.image, m.opts.Disk); err != nil {
			return err
		}
	}
	return m.mountDisk(ctx)
}

// makeImage makes an ext4 image of that many MiB.
func makeImage(ctx context.Context, name string, size int) error {
	if err := os.WriteFile(name, nil, 0o600); err != nil {
		return err
	}
	if err := os.Truncate(name, int64(size)<<20); err != nil {
		return err
	}
	// No reserved blocks: "disk full" is to mean the same for every user.
	return check(ctx, "mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", name)
}

// mountDisk mounts them in the node. A loop device goes with the mount.
func (m *Machine) mountDisk(ctx context.Context) error {
	// Not on the host's own file system: that of a container is an overlay, on
	// which no other one's upper layer can lie.
	what := []string{"-t", "tmpfs", "-o", "mode=755", "tmpfs", m.upper()}
	if m.disk.image != "" {
		what = []string{"-t", "ext4", "-o", "loop", m.disk.image, m.upper()}
	}
	if _, err := m.node.Run(ctx, "mount", what...); err != nil {
		return err
	}
	m.disk.mounted = true
	dirs := []string{filepath.Join(m.upper(), "files"), filepath.Join(m.upper(), "work")}
	if _, err := m.node.Run(ctx, "mkdir", append([]string{"-p"}, dirs...)...); err != nil {
		return err
	}
	overlay := fmt.Sprintf("lowerdir=%s,upperdir=%s,workdir=%s", m.opts.Root, dirs[0], dirs[1])
	if _, err := m.node.Run(ctx, "mount", "-t", "overlay", "-o", overlay, "overlay", m.root()); err != nil {
		return err
	}
	_, err := m.node.Run(ctx, "mount", "--bind", filepath.Join(m.root(), "var/lib"), m.state())
	return err
}

// unmountDisk writes everything back, if it is on an image.
func (m *Machine) unmountDisk(ctx context.Context) error {
	if !m.disk.mounted {
		return nil
	}
	m.disk.mounted = false
	var errs []error
	for _, dir := range []string{m.state(), m.root(), m.upper()} {
		_, err := m.node.Run(ctx, "umount", dir)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// loseUnsynced puts the disk into the state that it had in hardware when this
// was called: what lay in the kernel's memory only is lost. The machine must be
// off.
func (m *Machine) loseUnsynced(ctx context.Context) error {
	if m.disk.image == "" {
		return nil
	}
	// Read before anything is unmounted, which would write it all back.
	kept := m.disk.image + ".cut"
	if err := check(ctx, "cp", "--sparse=always", m.disk.image, kept); err != nil {
		return err
	}
	if err := m.unmountDisk(ctx); err != nil {
		return err
	}
	if err := os.Rename(kept, m.disk.image); err != nil {
		return err
	}
	return m.mountDisk(ctx) // which replays ext4's journal
}

func (m *Machine) removeDisk() error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	return m.unmountDisk(ctx)
}

// DiskFull fills the machine's disk to the last block and returns how to free
// it again. It needs Options.Disk.
func (m *Machine) DiskFull(ctx context.Context) (free func() error, err error) {
	if m.disk.image == "" {
		return nil, errors.New("filling the disk: the machine has none")
	}
	ballast := filepath.Join(m.upper(), "ballast")
	out, err := m.node.Run(ctx, "stat", "-f", "-c", "%a %S", m.upper())
	if err != nil {
		return nil, err
	}
	var blocks, size int64
	if _, err := fmt.Sscan(out, &blocks, &size); err != nil {
		return nil, fmt.Errorf("reading the disk's free space: %w", err)
	}
	// fallocate takes all at once; what is left for odd blocks is taken byte by byte.
	if _, err := m.node.Run(ctx, "fallocate", "-l", strconv.FormatInt(blocks*size*99/100, 10), ballast); err != nil {
		return nil, err
	}
	_, _ = m.node.Run(ctx, "dd", "if=/dev/zero", "of="+ballast+"2", "bs=512", "status=none") // ends with "no space left"
	return func() error {
		_, err := m.node.Run(context.WithoutCancel(ctx), "rm", ballast, ballast+"2")
		return err
	}, nil
}
