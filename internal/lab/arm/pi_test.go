package arm

import (
	"strings"
	"testing"
)

// TestRaspberryPi3B boots the agent on a Pi: its SoC, its SD card, its network
// by USB, and no clock of its own, which NTP sets.
func TestRaspberryPi3B(t *testing.T) {
	asked(t, "pi", "test-pi")
	g := newGateway(t, ARM64(), RaspberryPi3B())
	stop, err := ServeTime(g.lab, g.berth)
	must(t, err)
	defer stop()
	g.boots(t, "Raspberry Pi 3B")
	if model := g.ssh(t, "tr -d '\\0' </proc/device-tree/model"); model != g.board.Model {
		t.Errorf("the model is %q, want %q", model, g.board.Model)
	}
	if clock := g.ssh(t, "ls /dev/rtc* 2>&1 || true"); !strings.Contains(clock, "No such file") {
		t.Errorf("a Pi has no clock of its own, this one has %s", clock)
	}
	g.memory(t, "Raspberry Pi 3B")
	t.Logf("edgeagent status:\n%s", g.ssh(t, "edgeagent status"))
	g.tunnels(t, ARM64())
	g.clean(t)
}
