package packaging

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"
)

// maxExposure is what `systemd-analyze security` may say of the daemon's unit, in
// tenths; 96 is a service without any sandbox.
const maxExposure = 21

func TestUnitExposure(t *testing.T) {
	needs(t, "systemd-analyze")
	unit, err := filepath.Abs("debian/edgeagent.service")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(context.Background(), "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+strconv.Itoa(maxExposure), unit)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the unit is more exposed than %d tenths: %v\n%s", maxExposure, err, out)
	}
}

// setting returns the value of a directive of the daemon's unit.
func setting(t *testing.T, name string) string {
	t.Helper()
	data, err := os.ReadFile("debian/edgeagent.service")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(?m)^` + name + `=(.*)$`).FindSubmatch(data)
	if found == nil {
		t.Fatalf("the unit has no %s", name)
	}
	return string(found[1])
}

func TestUnitPatience(t *testing.T) {
	for name, least := range map[string]time.Duration{
		"WatchdogSec":    180 * time.Second, // a stalled SD card is no dead daemon
		"TimeoutStopSec": 15 * time.Second,  // the daemon takes up to 10 s
	} {
		if d, err := time.ParseDuration(setting(t, name)); err != nil || d < least {
			t.Errorf("%s is %s, %v; want at least %s", name, d, err, least)
		}
	}
	// A second without the daemon is not missed; less would let a loop of crashes
	// have a small Pi's processor.
	if d, err := time.ParseDuration(setting(t, "RestartSec")); err != nil || d != time.Second {
		t.Errorf("RestartSec is %s, %v", d, err)
	}
	if got := setting(t, "Restart") + " " + setting(t, "StartLimitIntervalSec"); got != "always 0" {
		t.Errorf("Restart=, StartLimitIntervalSec=: %q: the daemon would stay down", got)
	}
}
