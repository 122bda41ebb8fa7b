package machine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/lab"
)

// exitReboot is systemd-nspawn's exit code when the system inside wants to
// reboot and nspawn is not to do it by itself (--keep-unit).
const exitReboot = 133

// powerOff asks systemd to switch off; see systemd(1), SIGRTMIN+4. The kernel's
// first real-time signal is 32, glibc keeps two.
const powerOff = syscall.Signal(34 + 4)

// errRebooting means that the machine is between two boots.
var errRebooting = errors.New("the machine is rebooting")

// run is one time of being switched on: several boots if it reboots.
type run struct {
	leader int           // the host's id of the machine's process 1, 0 between two boots
	nspawn *exec.Cmd     // of the present boot
	cut    bool          // the power was cut: no further boot
	ended  chan struct{} // closed when it is off
	err    error         // read after ended
}

// leader returns the host's id of the machine's process 1, 0 if it is off.
func (m *Machine) leader() (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.run == nil:
		return 0, nil
	case m.run.leader == 0:
		return 0, errRebooting
	}
	return m.run.leader, nil
}

// PowerOn boots the machine and waits until systemd has nothing left to start.
func (m *Machine) PowerOn(ctx context.Context) error {
	if err := m.Start(ctx); err != nil {
		return err
	}
	return m.WaitBooted(ctx)
}

// Start switches the machine on and returns when process 1 runs.
func (m *Machine) Start(ctx context.Context) error {
	m.mu.Lock()
	on := m.run != nil
	m.mu.Unlock()
	if on {
		return errors.New("switching the machine on: it is on")
	}
	// Followed from here on: a machine may reboot by itself at any time.
	r := &run{ended: make(chan struct{})}
	if err := m.spawn(ctx, r); err != nil {
		return fmt.Errorf("booting the machine: %w", err)
	}
	go m.follow(r)
	return nil
}

// spawn starts systemd-nspawn and waits for the machine's process 1.
func (m *Machine) spawn(ctx context.Context, r *run) error {
	log, err := os.OpenFile(m.Console(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // nspawn has its own descriptor
	cmd := m.nspawn()
	cmd.Stdout, cmd.Stderr = log, log
	booted := time.Now()
	if err := m.node.Start(cmd); err != nil {
		return err
	}
	leader, err := m.awaitLeader(ctx, cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		text, _ := os.ReadFile(m.Console())
		return fmt.Errorf("%w: %s", err, strings.TrimSpace(string(text)))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.run, m.boots, m.booted = r, m.boots+1, booted
	r.leader, r.nspawn = leader, cmd
	return nil
}

// follow waits for the end of each boot and boots again if it was a reboot.
func (m *Machine) follow(r *run) {
	defer close(r.ended)
	for {
		err := r.nspawn.Wait()
		m.mu.Lock()
		r.leader = 0
		again := r.nspawn.ProcessState.ExitCode() == exitReboot && !r.cut
		m.mu.Unlock()
		if again {
			err = m.bootAgain(r)
		}
		if !again || err != nil {
			m.mu.Lock()
			m.run, r.err = nil, err
			m.mu.Unlock()
			return
		}
	}
}

// bootAgain boots a machine that has rebooted.
func (m *Machine) bootAgain(r *run) error {
	ctx, cancel := context.WithTimeout(context.Background(), bootTimeout)
	defer cancel()
	if err := m.spawn(ctx, r); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if r.cut { // in the meantime
		r.kill()
	}
	return nil
}

// WaitBooted waits until the machine has nothing left to start. A unit that
// failed is no error: systemd calls the system degraded then.
func (m *Machine) WaitBooted(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, bootTimeout)
	defer cancel()
	err := lab.Poll(ctx, pollEvery, func() error {
		r, err := m.Run(ctx, "systemctl", "is-system-running")
		state := strings.TrimSpace(r.Output)
		if err == nil && state != "running" && state != "degraded" {
			err = fmt.Errorf("the system is %q", state)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("waiting for the machine to boot: %w", err)
	}
	return nil
}

// Reboot has the system reboot itself and waits until it is up again.
func (m *Machine) Reboot(ctx context.Context) error {
	before := m.Boots()
	if _, err := m.Check(ctx, "systemctl", "--no-block", "reboot"); err != nil {
		return err
	}
	return m.WaitReboot(ctx, before)
}

// WaitReboot waits for a boot after the one that Boots gave as before.
func (m *Machine) WaitReboot(ctx context.Context, before int) error {
	err := lab.Poll(ctx, pollEvery, func() error {
		if m.Boots() <= before {
			return errors.New("it has not rebooted")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("waiting for the machine to reboot: %w", err)
	}
	return m.WaitBooted(ctx)
}

// PowerOff has the system shut down in order and waits until it is off.
func (m *Machine) PowerOff(ctx context.Context) error {
	m.mu.Lock()
	r := m.run
	m.mu.Unlock()
	leader, err := m.leader()
	if err == nil && (r == nil || leader == 0) {
		err = errors.New("it is off")
	}
	if err == nil {
		err = unix.Kill(leader, powerOff)
	}
	if err != nil {
		return fmt.Errorf("switching the machine off: %w", err)
	}
	select {
	case <-r.ended:
		return r.err
	case <-ctx.Done():
		return fmt.Errorf("waiting for the machine to shut down: %w", ctx.Err())
	}
}

// PowerCut ends every process of the machine at once, wherever it is. With
// Options.Disk, what was not synced to the disk is lost.
func (m *Machine) PowerCut(ctx context.Context) error {
	m.kill()
	return m.loseUnsynced(ctx)
}

// kill kills systemd-nspawn first, so that it sees nothing of what comes, then
// process 1, and with it the kernel kills all others.
func (m *Machine) kill() {
	m.mu.Lock()
	r := m.run
	if r != nil {
		r.kill()
	}
	m.mu.Unlock()
	if r != nil {
		<-r.ended
	}
}

// kill needs the machine's lock.
func (r *run) kill() {
	r.cut = true
	_ = r.nspawn.Process.Kill() // gone already is as good
	if r.leader != 0 {
		_ = unix.Kill(r.leader, unix.SIGKILL)
	}
}

// Console names the file with the output of the machine's console.
func (m *Machine) Console() string {
	return filepath.Join(m.lab.Dir, "log", filepath.Base(m.dir)+".log")
}
