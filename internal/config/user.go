package config

import (
	"fmt"
	"os"
	"os/user"
	"runtime"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ServiceUser is the user, and the group, that the packaged unit runs as.
const ServiceUser = "edgeagent"

// User is who is to read the configuration and the files that it names.
type User struct {
	Name, Group string
	UID, GID    int
	Groups      []int // supplementary
	// Sandboxed means that the unit shows this user some directories empty.
	Sandboxed bool
	// Bystander means that the service runs as another user, whose files these
	// are: this one has only to ask as root.
	Bystander bool
}

// Self returns the user of this process.
func Self() User {
	u := User{UID: os.Geteuid(), GID: os.Getegid()}
	u.Name, u.Group = userName(u.UID), groupName(u.GID)
	u.Groups, _ = os.Getgroups() // without them too little is allowed, never too much
	u.Sandboxed = u.Name == ServiceUser
	_, err := user.Lookup(ServiceUser)
	u.Bystander = err == nil && u.UID != 0 && u.Name != ServiceUser
	return u
}

// Reader returns the user that the daemon runs as, if this process may judge for
// it: root, where the package has made that user. Else it is Self.
func Reader() User {
	if os.Geteuid() != 0 {
		return Self()
	}
	account, err := user.Lookup(ServiceUser)
	if err != nil {
		return Self()
	}
	return accountUser(account)
}

func accountUser(account *user.User) User {
	u := User{Name: account.Username, UID: number(account.Uid), GID: number(account.Gid), Sandboxed: true}
	u.Group = groupName(u.GID)
	ids, _ := account.GroupIds() // as for Self
	for _, id := range ids {
		u.Groups = append(u.Groups, number(id))
	}
	return u
}

// nobodyID is what the kernel shows for an id that it cannot map.
const nobodyID = 65534

func number(id string) int {
	n, err := strconv.Atoi(id)
	if err != nil {
		return nobodyID
	}
	return n
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return strconv.Itoa(uid)
}

func groupName(gid int) string {
	if g, err := user.LookupGroupId(strconv.Itoa(gid)); err == nil {
		return g.Name
	}
	return strconv.Itoa(gid)
}

// in reports whether u belongs to a group.
func (u User) in(gid int) bool { return u.GID == gid || slices.Contains(u.Groups, gid) }

// do calls f with the file access of u. For another user than this process's
// that needs root, and the kernel's own word counts: modes, access control
// lists and whatever else there is.
func (u User) do(f func() error) error {
	if u.UID == os.Geteuid() {
		return f()
	}
	done := make(chan error)
	go func() {
		// Never unlocked: the thread ends with its identity.
		runtime.LockOSThread()
		if err := u.assume(); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

// assume gives the calling thread, and no other, the file access of u: with a
// file system user id that is not 0 the kernel drops root's privileges over
// files (setfsuid(2), capabilities(7)). The C library's calls would change every
// thread.
func (u User) assume() error {
	groups := []uint32{uint32(u.GID)}
	for _, g := range u.Groups {
		groups = append(groups, uint32(g))
	}
	if _, _, errno := unix.RawSyscall(sysSetgroups, uintptr(len(groups)), uintptr(unsafe.Pointer(&groups[0])), 0); errno != 0 {
		return fmt.Errorf("taking the groups of %s: %w", u.Name, errno)
	}
	_, _ = unix.SetfsgidRetGid(u.GID) // their results are the ids before
	_, _ = unix.SetfsuidRetUid(u.UID)
	if now, _ := unix.SetfsuidRetUid(-1); now != u.UID {
		return fmt.Errorf("looking at files as user %s: not permitted", u.Name)
	}
	return nil
}
