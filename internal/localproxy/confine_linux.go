package localproxy

import (
	"errors"
	"fmt"
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// landlockRights are all rights of Landlock's first version (Linux 5.13).
const landlockRights = unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1

// Confine makes the file system unreadable and unwritable for this process, but
// for its own entry under /proc, by Landlock: the files with the device's keys
// belong to the same user. What is open stays open, and unix sockets can still
// be connected to. It fails with ErrNoLandlock on a kernel without Landlock.
//
// Afterwards no name can be looked up any more, since that reads /etc, and the
// system's certificates cannot be loaded: see Config.NeedsNames and LoadRoots.
//
// https://docs.kernel.org/userspace-api/landlock.html
func Confine() error {
	_ = time.Local.String() // reads /etc/localtime, for the log, while it can be
	attr := unix.LandlockRulesetAttr{Handled_access_fs: landlockRights}
	ruleset, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Handled_access_fs), 0)
	if errno == unix.ENOSYS || errno == unix.EOPNOTSUPP {
		return ErrNoLandlock
	}
	if errno != 0 {
		return fmt.Errorf("making a Landlock ruleset: %w", errno)
	}
	defer unix.Close(int(ruleset))
	if err := allowOwnProc(int(ruleset)); err != nil {
		return err
	}
	if err := onAllThreads(unix.SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0, 0); err != nil {
		return fmt.Errorf("restricting by Landlock: %w", err)
	}
	return nil
}

// ErrNoLandlock means that the kernel has no Landlock, or that it is turned off.
var ErrNoLandlock = errors.New("this kernel has no Landlock")

// allowOwnProc lets the process read what the kernel says of itself: Trim does.
func allowOwnProc(ruleset int) error {
	self, err := os.Open("/proc/self")
	if err != nil {
		return fmt.Errorf("allowing /proc/self: %w", err)
	}
	defer self.Close()
	rule := unix.LandlockPathBeneathAttr{
		Allowed_access: unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR,
		Parent_fd:      int32(self.Fd()),
	}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset),
		unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("allowing /proc/self: %w", errno)
	}
	return nil
}
