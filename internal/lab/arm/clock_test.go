package arm

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/status"
)

// TestBootWithoutTheTime boots a board whose clock stands at 1970, where the
// network tells no time at first. (systemd itself moves such a clock to the day
// that it was built.)
func TestBootWithoutTheTime(t *testing.T) {
	asked(t, "boot", "test-arm-boot")
	g := newGateway(t, ARM64(), Virt())
	g.powerUp(t, "-rtc", "base=1970-01-01T00:00:00")
	s := g.waitStatus(t, blamesClock)
	figure(t, "without the time: power on to service active %.1f s", g.active(t).Seconds())
	t.Logf("the clock says %s; status says: %s; next: %s", g.ssh(t, "date --iso-8601"), s.FixFirst.Detail, s.FixFirst.Hint)
	g.quiet(t)
	if s := g.waitStatus(t, blamesClock); s.FixFirst.Stage != "link" {
		t.Errorf("the stage to fix is %s", s.FixFirst.Stage)
	}
	g.quiet(t)

	// The board's NTP client has not given up.
	begin := time.Now()
	stop, err := ServeTime(g.lab, g.berth)
	must(t, err)
	defer stop()
	g.connected(t, 0)
	up := time.Now()
	g.waitStatus(t, allOK)
	figure(t, "without the time: NTP server there to path up %.1f s, of that after the clock was set %.1f s",
		up.Sub(begin).Seconds(), up.Sub(g.corrected(t)).Seconds())
	if says := g.ssh(t, "timedatectl show --property=NTPSynchronized --value"); says != "yes" {
		t.Errorf("the path is up, and the clock is synchronised: %s", says)
	}
	g.clean(t)
}

// corrected returns when the board's NTP client set the clock, by that clock.
func (g *gateway) corrected(t *testing.T) time.Time {
	t.Helper()
	out := g.ssh(t, "journalctl --boot --unit=systemd-timesyncd --output=short-unix | sed -n '/Initial clock/s/ .*//p'")
	seconds, err := strconv.ParseFloat(out, 64)
	if err != nil {
		t.Fatalf("the NTP client has set the clock at %q: %v", out, err)
	}
	return time.UnixMicro(int64(seconds * 1e6))
}

func blamesClock(s status.Snapshot) bool {
	return s.FixFirst != nil && s.FixFirst.Reason == status.ReasonClock
}

// quiet fails the test if the device has tried to connect.
func (g *gateway) quiet(t *testing.T) {
	t.Helper()
	if pids := g.ssh(t, "pidof openvpn || true"); pids != "" {
		t.Errorf("OpenVPN runs as %s", pids)
	}
	log, err := os.ReadFile(filepath.Join(g.lab.Dir, "log", "openvpn-server.log"))
	must(t, err)
	if strings.Contains(string(log), "TLS: Initial packet") {
		t.Errorf("the VPN server has heard of the device: %s", log)
	}
	if n := g.sessions(t); n != 0 {
		t.Errorf("%d sessions of %s at the broker", n, lab.Thing)
	}
}
