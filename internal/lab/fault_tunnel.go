package lab

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"

	"edgeagent/internal/lab/tunneling"
)

// TunnelingDown has the tunneling service's port refuse every packet, those of
// open connections included; false lets it serve again.
func (l *Lab) TunnelingDown(on bool) error {
	return l.atBroker("tunneling_down", on, fmt.Sprintf(
		`iifname != "lo" ip daddr %s tcp dport %d reject with tcp reset`, TunnelingAddr, tunnelingPort))
}

// Announce opens a tunnel and notifies the device, and waits for nothing. The
// office's side is not connected.
func (l *Lab) Announce(ctx context.Context, services ...string) (tunneling.Tunnel, error) {
	t := l.Tunneling.Open(services...)
	return t, l.Notify(ctx, t.DestinationToken, services...)
}

// StopSSHD kills the device's sshd with all its sessions, and waits until they
// are gone.
func (l *Lab) StopSSHD(ctx context.Context) error {
	pids, err := l.Device.Processes("sshd")
	if err == nil && len(pids) == 0 {
		err = fmt.Errorf("it does not run")
	}
	for _, pid := range pids {
		// A session may have just ended by itself.
		if killErr := syscall.Kill(pid, syscall.SIGKILL); !errors.Is(killErr, syscall.ESRCH) {
			err = errors.Join(err, killErr)
		}
	}
	if err == nil {
		err = Poll(ctx, readyEvery, l.noSSHD)
	}
	if err != nil {
		return fmt.Errorf("stopping sshd: %w", err)
	}
	return nil
}

func (l *Lab) noSSHD() error {
	pids, err := l.Device.Processes("sshd")
	if err == nil && len(pids) > 0 {
		err = fmt.Errorf("%v are still there", pids)
	}
	return err
}

// StartSSHD starts the device's sshd again.
func (l *Lab) StartSSHD(ctx context.Context) error {
	path, err := exec.LookPath("sshd")
	if err != nil {
		return err
	}
	// sshd wants its own absolute path: it executes itself for each session.
	p, err := l.start(l.Device, "sshd", path, "-D", "-e", "-f", l.path("device", "sshd_config"))
	if err != nil {
		return err
	}
	return l.waitTCP(ctx, p, l.Device, netip.MustParseAddrPort("127.0.0.1:22"))
}

// PeakMemory returns the most memory that the daemon has held so far, in kB
// (VmHWM, proc_pid_status(5)).
func (a *Agent) PeakMemory() (int, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", a.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(data)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		}
	}
	return 0, errors.New("reading the daemon's memory: it is gone")
}
