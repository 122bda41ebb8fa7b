package modem

import (
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// boot is the kernel's own count of time, which no wrong clock disturbs.
type boot struct {
	id     string        // random, another one after each boot
	uptime time.Duration // since the kernel started, suspended or not
}

// thisBoot reads both.
func thisBoot() (boot, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return boot{}, fmt.Errorf("reading the boot's id: %w", err)
	}
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return boot{}, fmt.Errorf("reading the uptime: %w", err)
	}
	return boot{id: strings.TrimSpace(string(id)), uptime: time.Duration(t.Nano())}, nil
}
