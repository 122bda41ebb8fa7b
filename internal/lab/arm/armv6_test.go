package arm

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// armv7Env names the same program, built for a newer CPU.
const armv7Env = "EDGEAGENT_ARMV7"

// TestARMv6 runs the armhf package's program on the CPU of the first Pi and of
// the Zero, which cannot run every program that Debian calls armhf.
func TestARMv6(t *testing.T) {
	asked(t, "user", "test-arm")
	bin := unpack(t, ARMHF())
	out, err := output(zero(t, bin, "version"))
	if must(t, err); !strings.Contains(out, "linux/arm,") {
		t.Errorf("it says: %s", out)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	transfer(t, ca, func(token string, args ...string) *exec.Cmd {
		cmd := zero(t, append([]string{bin, "localproxy", "-c", ca}, args...)...)
		cmd.Env = append(os.Environ(), accessToken+"="+token)
		return cmd
	})
	// A CPU that ran anything would prove nothing.
	_, err = output(zero(t, os.Getenv(armv7Env), "version"))
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGILL {
		t.Errorf("a program for ARMv7 ends by %v, want an illegal instruction", err)
	}
}

// zero prepares a program to run on a Raspberry Pi Zero's CPU.
func zero(t *testing.T, argv ...string) *exec.Cmd {
	t.Helper()
	return exec.CommandContext(t.Context(), "qemu-arm-static", append([]string{"-cpu", "arm1176"}, argv...)...)
}
