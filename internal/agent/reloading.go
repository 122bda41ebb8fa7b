package agent

import (
	"fmt"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// TellReloading tells systemd that the daemon reads its configuration anew, or
// replaces its image; the READY=1 of the next Run ends that (sd_notify(3)).
func TellReloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("reading the clock: %w", err)
	}
	return tellSystemd(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, now.Nano()/1000))
}

// TellReady ends what TellReloading began when everything stays as it was.
func TellReady() error { return tellSystemd(daemon.SdNotifyReady) }

func tellSystemd(state string) error {
	if _, err := daemon.SdNotify(false, state); err != nil {
		return fmt.Errorf("notifying systemd: %w", err)
	}
	return nil
}
