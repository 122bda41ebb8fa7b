package modem

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// budgetFile is the name of the reboot budget in the state directory.
const budgetFile = "reboot-budget"

// budget rations reboots across boots. It counts running time, boot by boot: a
// clock that jumps years ahead when NTP answers would otherwise allow a reboot at
// once, and one that jumps back none for years. Time during which the device was
// off, or which nobody counted, does not count.
type budget struct {
	file string
	log  *slog.Logger
}

// spent is the content of the file.
type spent struct {
	Reboots int     `json:"reboots"`  // by the agent, all in all
	WaitS   float64 `json:"wait_s"`   // until the next, from the last
	RanS    float64 `json:"ran_s"`    // since the last, up to the start of BootID; negative: it was in BootID
	BootID  string  `json:"boot_id"`  // the boot that was counted last
	UptimeS float64 `json:"uptime_s"` // how far
}

// BudgetError means that the device may not be rebooted yet.
type BudgetError struct {
	Wait time.Duration
	At   time.Time
}

// Error implements error.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("the reboot budget is used up: not before %s from now", e.Wait.Round(time.Minute))
}

// NotBefore is when to ask again.
func (e *BudgetError) NotBefore() time.Time { return e.At }

// maxBudgetBytes bounds what is read of a file that another user may write.
const maxBudgetBytes = 4096

// load reads the file. Nobody's link or FIFO is followed or waited for: the
// directory belongs to the daemon's user, and root reads it.
func (b budget) load() (s spent, err error) {
	f, err := os.OpenFile(b.file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return spent{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxBudgetBytes))
	if err != nil {
		return spent{}, err
	}
	return parseBudget(data)
}

// parseBudget accepts what write writes, and nothing that allows more.
func parseBudget(data []byte) (spent, error) {
	var s spent
	if err := json.Unmarshal(data, &s); err != nil {
		return spent{}, err
	}
	if s.WaitS < rebootWait.Seconds() && s.WaitS != 0 || s.WaitS > rebootWaitMax.Seconds() ||
		s.UptimeS < 0 || s.RanS+s.UptimeS < 0 || s.Reboots < 0 || s.WaitS == 0 && s.Reboots > 0 {
		return spent{}, errors.New("values out of range")
	}
	return s, nil
}

// read returns the account as of now. A damaged file is set aside and the last
// reboot taken to be this boot's start.
func (b budget) read(now boot) spent {
	s, err := b.load()
	if errors.Is(err, fs.ErrNotExist) {
		return spent{BootID: now.id, UptimeS: now.uptime.Seconds()}
	}
	if err != nil {
		aside := b.file + ".damaged"
		b.log.Warn("the reboot budget is unreadable and set aside", "file", aside, "error", errors.Join(err, os.Rename(b.file, aside)))
		return spent{Reboots: 1, WaitS: rebootWait.Seconds(), BootID: now.id, UptimeS: now.uptime.Seconds()}
	}
	return s.counted(now)
}

// counted adds the time since the account was last written.
func (s spent) counted(now boot) spent {
	if s.BootID != now.id {
		s.RanS += s.UptimeS
	}
	s.BootID, s.UptimeS = now.id, now.uptime.Seconds()
	return s
}

// left returns how long the next reboot has to wait.
func (s spent) left() time.Duration {
	if s.Reboots == 0 {
		return 0
	}
	return max(0, seconds(s.WaitS-s.RanS-s.UptimeS))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// check returns a *BudgetError if a reboot is not allowed now, and counts the
// time until now either way.
func (b budget) check(now boot) error {
	s := b.read(now)
	if left := s.left(); left > 0 {
		return errors.Join(&BudgetError{Wait: left, At: time.Now().Add(left)}, b.write(s))
	}
	return nil
}

// spend takes a reboot out of the budget, before it is ordered: without a file
// that says so the next boot would know nothing of it, and reboot again.
func (b budget) spend(now boot) error {
	s := b.read(now)
	if left := s.left(); left > 0 {
		return errors.Join(&BudgetError{Wait: left, At: time.Now().Add(left)}, b.write(s))
	}
	wait := rebootWait.Seconds()
	if s.Reboots > 0 && s.RanS+s.UptimeS < rebootForget.Seconds() {
		wait = min(2*s.WaitS, rebootWaitMax.Seconds())
	}
	s.Reboots, s.WaitS, s.RanS = s.Reboots+1, wait, -s.UptimeS
	if err := b.write(s); err != nil {
		return fmt.Errorf("no reboot, because it could not be counted: %w", err)
	}
	return nil
}

// write replaces the file and has it on the disk before it returns. The
// directory belongs to another user than root: nothing is written through a link.
func (b budget) write(s spent) error {
	data, err := json.Marshal(s)
	if err != nil {
		return fmt.Errorf("writing the reboot budget: %w", err)
	}
	f, err := os.CreateTemp(filepath.Dir(b.file), budgetFile+".*")
	if err != nil {
		return fmt.Errorf("writing the reboot budget: %w", err)
	}
	_, err = f.Write(append(data, '\n'))
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), b.file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("writing the reboot budget: %w", err), os.Remove(f.Name()))
	}
	return syncDir(filepath.Dir(b.file))
}

// syncDir makes a rename last through a power cut.
func syncDir(dir string) error {
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("opening %s: %w", dir, err)
	}
	defer unix.Close(fd)
	if err := unix.Fsync(fd); err != nil {
		return fmt.Errorf("writing %s: %w", dir, err)
	}
	return nil
}
