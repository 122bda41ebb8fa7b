package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"edgeagent/internal/lab"
)

// bootTimeout bounds one boot, from power to an empty job queue; a machine of
// the lab takes less than a second.
const bootTimeout = 2 * time.Minute

// Options vary a machine.
type Options struct {
	// Root is the root file system, as rootfs.Build returns it. It is not written to.
	Root string
	// Disk is the size in MiB of an ext4 disk that takes everything written to
	// the machine; PowerCut then loses what was not synced, as a power cut does.
	// 0 writes to memory, where only an overflow of the host's ends it, and
	// PowerCut loses nothing that was written.
	Disk int
	// ResolvConf is /etc/resolv.conf at first, "" what the site's DHCP gives,
	// unless Root has a link there. "-" leaves the file as it is in Root.
	ResolvConf string
}

// Machine is one system, on or off. Its methods are safe for concurrent use,
// except that only one of those that switch it may run at a time.
type Machine struct {
	// ReadOnly, set while it is off, mounts its root read-only from the next
	// boot on; of what is on the disk only /var/lib can be written then.
	ReadOnly bool

	lab    *lab.Lab
	node   *lab.Node
	opts   Options
	dir    string // the machine's files, on a file system of the node
	cgroup string // below cgroupRoot
	disk   disk

	mu     sync.Mutex
	run    *run // nil while it is off
	boots  int
	booted time.Time // when the last boot began
}

// New puts a machine at the lab's device, which must be bare
// (lab.Options.BareDevice), and leaves it off.
func New(ctx context.Context, l *lab.Lab, o Options) (*Machine, error) {
	if why := Unavailable(); why != "" {
		return nil, errors.New(why)
	}
	dir, err := os.MkdirTemp(l.Dir, "machine-*")
	if err != nil {
		return nil, fmt.Errorf("making a machine: %w", err)
	}
	m := &Machine{lab: l, node: l.Device, opts: o, dir: dir}
	for _, step := range []func(context.Context) error{m.makeCgroup, m.makeDisk, m.settle} {
		if err := step(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("making a machine: %w", err), m.Close())
		}
	}
	return m, nil
}

// Boot is New and PowerOn.
func Boot(ctx context.Context, l *lab.Lab, o Options) (*Machine, error) {
	m, err := New(ctx, l, o)
	if err != nil {
		return nil, err
	}
	if err := m.PowerOn(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// settle writes what makes the system this device: its name and its DNS, and
// what udev does on a real one, which containers lack.
func (m *Machine) settle(ctx context.Context) error {
	files := map[string]string{
		"/etc/tmpfiles.d/udev.conf": "z /dev/net/tun 0666 root root\n",
		"/etc/hostname":             lab.Thing + "\n",
		"/etc/hosts":                "127.0.0.1 localhost\n127.0.1.1 " + lab.Thing + "\n",
	}
	switch info, err := os.Lstat(filepath.Join(m.opts.Root, "etc/resolv.conf")); {
	case m.opts.ResolvConf != "" && m.opts.ResolvConf != "-":
		files["/etc/resolv.conf"] = m.opts.ResolvConf
	case err == nil && info.Mode().IsRegular() && m.opts.ResolvConf == "":
		files["/etc/resolv.conf"] = m.lab.ResolvConf()
	}
	for name, content := range files {
		if err := m.WriteFile(ctx, name, content); err != nil {
			return err
		}
	}
	return nil
}

// Close cuts the power and removes everything of the machine.
func (m *Machine) Close() error {
	m.kill()
	return errors.Join(m.removeDisk(), m.removeCgroup(), os.RemoveAll(m.dir))
}

// Boots returns how often the machine was switched on or has rebooted.
func (m *Machine) Boots() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.boots
}

// Booted returns when the last boot began.
func (m *Machine) Booted() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.booted
}
