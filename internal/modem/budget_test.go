package modem

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// device is a machine whose boots and uptime a test decides.
type rebooting struct {
	t      *testing.T
	budget budget
	now    boot
}

func newRebooting(t *testing.T) *rebooting {
	return &rebooting{
		t: t, budget: budget{filepath.Join(t.TempDir(), budgetFile), slog.New(slog.DiscardHandler)},
		now: boot{id: "first", uptime: 2 * time.Hour},
	}
}

// after lets time pass and reports whether a reboot is then allowed, which it spends.
func (d *rebooting) after(pass time.Duration) bool {
	d.t.Helper()
	d.now.uptime += pass
	err := d.budget.spend(d.now)
	var used *BudgetError
	if err != nil && !errors.As(err, &used) {
		d.t.Fatal(err)
	}
	return err == nil
}

// reboots gives the device another boot.
func (d *rebooting) reboots(id string) { d.now = boot{id: id, uptime: time.Minute} }

func (d *rebooting) left() time.Duration {
	var used *BudgetError
	if !errors.As(d.budget.check(d.now), &used) {
		return 0
	}
	return used.Wait.Round(time.Minute)
}

// A link that stays dead: 6 h, 12 h, then 24 h between reboots, for ever.
func TestRebootBudgetDoubles(t *testing.T) {
	d := newRebooting(t)
	if !d.after(0) {
		t.Fatal("the first reboot is refused")
	}
	for i, wait := range []time.Duration{6 * time.Hour, 12 * time.Hour, 24 * time.Hour, 24 * time.Hour} {
		d.reboots(string(rune('a' + i)))
		if d.after(wait - 2*time.Minute) {
			t.Errorf("reboot %d is allowed before %v", i+2, wait)
		}
		if !d.after(2 * time.Minute) {
			t.Errorf("reboot %d is refused after %v", i+2, wait)
		}
	}
}

// Two days without need begin the count anew.
func TestRebootBudgetForgets(t *testing.T) {
	d := newRebooting(t)
	d.after(0)
	d.reboots("b")
	d.after(6 * time.Hour) // the next in 12 h
	d.reboots("c")
	d.after(48 * time.Hour)
	d.reboots("d")
	if got := d.left(); got != 6*time.Hour-time.Minute {
		t.Errorf("%v to wait, want 6 h from the boot", got)
	}
}

// Power cuts and restarts do not refill the budget, and what they take is no
// time of waiting.
func TestRebootBudgetAcrossPowerCuts(t *testing.T) {
	d := newRebooting(t)
	d.after(0)
	for _, id := range []string{"b", "c", "d"} {
		d.reboots(id)
		d.now.uptime = time.Hour
		d.left() // counted at one hour, then the power goes
		d.now.uptime = 90 * time.Minute
	}
	if got := d.left(); got != 6*time.Hour-2*time.Hour-90*time.Minute {
		t.Errorf("%v to wait after 1 h, 1 h and 1.5 h", got)
	}
}

// A reboot that was ordered and did not happen counts all the same.
func TestRebootThatDidNotHappen(t *testing.T) {
	d := newRebooting(t)
	d.after(0)
	if d.after(time.Hour) {
		t.Error("another reboot after an hour in the same boot")
	}
	if got := d.left(); got != 5*time.Hour {
		t.Errorf("%v to wait, want 5 h", got)
	}
	if !d.after(5 * time.Hour) {
		t.Error("no reboot after 6 h in the same boot")
	}
}

// The clock on the wall has no say: the file holds none.
func TestRebootBudgetHasNoWallClock(t *testing.T) {
	d := newRebooting(t)
	d.after(0)
	d.reboots("b")
	for _, clock := range []time.Time{time.Unix(0, 0), time.Now().AddDate(56, 0, 0)} {
		if err := os.Chtimes(d.budget.file, clock, clock); err != nil {
			t.Fatal(err)
		}
		if got := d.left(); got != 6*time.Hour-time.Minute {
			t.Errorf("%v to wait with a file of %v", got, clock)
		}
	}
}

// A damaged budget is set aside and allows nothing before six hours of running.
func TestDamagedRebootBudget(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "\x00\x00", "cut off": `{"reboots":1,"wait_`, "another kind": `[]`,
		"no wait":      `{"reboots":1,"wait_s":0,"ran_s":0,"boot_id":"x","uptime_s":1}`,
		"short wait":   `{"reboots":1,"wait_s":1,"ran_s":0,"boot_id":"x","uptime_s":1}`,
		"endless wait": `{"reboots":1,"wait_s":1e9,"ran_s":0,"boot_id":"x","uptime_s":1}`,
		"before time":  `{"reboots":1,"wait_s":21600,"ran_s":-9,"boot_id":"x","uptime_s":1}`,
	} {
		d := newRebooting(t)
		if err := os.WriteFile(d.budget.file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if d.after(0) {
			t.Errorf("%s: a reboot is allowed", name)
		}
		aside, err := os.ReadFile(d.budget.file + ".damaged")
		if err != nil || string(aside) != text {
			t.Errorf("%s: set aside %q, %v", name, aside, err)
		}
		if !d.after(4 * time.Hour) {
			t.Errorf("%s: no reboot after 6 h of running", name)
		}
	}
}

// What cannot be counted is not done: the next boot would do it again.
func TestNoRebootWithoutAFile(t *testing.T) {
	d := newRebooting(t)
	d.budget.file = filepath.Join(t.TempDir(), "gone", budgetFile)
	if err := d.budget.spend(d.now); err == nil {
		t.Error("a reboot that nobody counted is allowed")
	}
}

// The daemon's user owns the directory: root follows no link of his.
func TestBudgetFollowsNoLink(t *testing.T) {
	d := newRebooting(t)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte(`{"reboots":0}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, d.budget.file); err != nil {
		t.Fatal(err)
	}
	if d.after(0) {
		t.Error("a budget behind a link is believed")
	}
	if text, err := os.ReadFile(secret); err != nil || string(text) != `{"reboots":0}` {
		t.Errorf("written through the link: %q, %v", text, err)
	}
}

func TestThisBoot(t *testing.T) {
	a, err := thisBoot()
	if err != nil {
		t.Fatal(err)
	}
	b, err := thisBoot()
	if err != nil || a.id != b.id || len(a.id) != 36 || b.uptime < a.uptime || a.uptime <= 0 {
		t.Errorf("%+v, then %+v, %v", a, b, err)
	}
}

// Whatever is in the file, it never allows more than a file written here would.
func FuzzBudget(f *testing.F) {
	f.Add([]byte(`{"reboots":1,"wait_s":21600,"ran_s":0,"boot_id":"x","uptime_s":1}`))
	f.Add([]byte(`{"reboots":0}`))
	f.Add([]byte(`{"reboots":-1,"wait_s":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parseBudget(data)
		if err != nil {
			return
		}
		left := s.counted(boot{id: "now", uptime: time.Minute}).left()
		if left < 0 || left > rebootWaitMax {
			t.Errorf("%v to wait after %q", left, data)
		}
	})
}
