package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/packaging"
)

func TestUnitTimersOfTheShippedUnit(t *testing.T) {
	got, err := ParseUnitTimers(packaging.Unit)
	must(t, err)
	if got.Watchdog < time.Minute || got.RestartWait < time.Second || got.TimeoutStop < 10*time.Second {
		t.Errorf("%+v: some are not the unit's", got)
	}
}

func TestParseUnitTimers(t *testing.T) {
	const good = "[Service]\nRestart=always\nRestartSec=2s\nTimeoutStopSec=20s\nWatchdogSec=180s\n"
	got, err := ParseUnitTimers(good)
	if want := (UnitTimers{3 * time.Minute, 2 * time.Second, 20 * time.Second}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for line, other := range map[string]string{
		"Restart=always":      "Restart=on-failure", // it would stay down after status 0
		"RestartSec=2s":       "RestartSec=soon",
		"TimeoutStopSec=20s":  "",
		"WatchdogSec=180s\n":  "WatchdogSec=3 minutes\n",
		"\nRestartSec=2s":     "\n#RestartSec=2s",
		"Restart=always\nRes": "Res",
	} {
		if got, err := ParseUnitTimers(strings.Replace(good, line, other, 1)); err == nil {
			t.Errorf("%q instead of %q: %+v", other, line, got)
		}
	}
}

// stored makes a file that a daemon gives away, and tells whether it is open.
func stored(t *testing.T) (f *os.File, open func() bool) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "stored"))
	must(t, err)
	t.Cleanup(func() { f.Close() })
	return f, func() bool { return f.Fd() != ^uintptr(0) }
}

func TestSupervisorKeepsDescriptors(t *testing.T) {
	s := &Supervisor{store: map[string]*os.File{}}
	first, firstOpen := stored(t)
	second, secondOpen := stored(t)
	s.hear("FDSTORE=1\nFDPOLL=0\nFDNAME=stub-udp", []*os.File{first})
	if s.store["stub-udp"] != first || !firstOpen() {
		t.Fatal("a stored descriptor is not kept")
	}
	s.hear("FDSTORE=1\nFDNAME=stub-udp", []*os.File{second})
	if s.store["stub-udp"] != second || firstOpen() {
		t.Error("the one that was replaced is still open")
	}
	s.hear("FDSTOREREMOVE=1\nFDNAME=stub-udp", nil)
	if len(s.store) != 0 || secondOpen() {
		t.Error("the one that was removed is still kept")
	}
}

func TestSupervisorIsFedByTheWatchdogAlone(t *testing.T) {
	s := &Supervisor{timers: UnitTimers{Watchdog: time.Minute}, store: map[string]*os.File{}, fed: time.Now().Add(-time.Hour)}
	s.hear("STATUS=ok", nil)
	if !s.starving() {
		t.Error("a status keeps a daemon alive whose watchdog is not fed")
	}
	s.hear("WATCHDOG=1", nil)
	if s.starving() {
		t.Error("the watchdog was fed and does not count")
	}
}

func TestDescriptorsOfAMessage(t *testing.T) {
	f, _ := stored(t)
	fd, err := unix.Dup(int(f.Fd())) // a message carries descriptors of its own
	must(t, err)
	got := descriptors(unix.UnixRights(fd))
	if len(got) != 1 {
		t.Fatalf("%d files, want 1", len(got))
	}
	must(t, got[0].Close())
	if got := descriptors([]byte("no control message")); len(got) != 0 {
		t.Errorf("%d files of what is no control message", len(got))
	}
}
