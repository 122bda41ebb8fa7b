package control

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"slices"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// peer is the process at the other end of a unix socket, as it was when it
// connected. The kernel vouches for it (unix(7), SO_PEERCRED).
type peer struct {
	pid      int32
	uid, gid uint32
	groups   []uint32 // supplementary
}

// peerOf returns the credentials of the other end of conn.
func peerOf(conn net.Conn) (peer, error) {
	c, ok := conn.(*net.UnixConn)
	if !ok {
		return peer{}, fmt.Errorf("reading the peer's credentials: %T is not a unix socket", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return peer{}, fmt.Errorf("reading the peer's credentials: %w", err)
	}
	var p peer
	var readErr error
	if err := raw.Control(func(fd uintptr) { p, readErr = readPeer(int(fd)) }); err != nil {
		return peer{}, fmt.Errorf("reading the peer's credentials: %w", err)
	}
	return p, readErr
}

func readPeer(fd int) (peer, error) {
	cred, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	if err != nil {
		return peer{}, fmt.Errorf("reading the peer's credentials: %w", err)
	}
	groups, err := readGroups(fd)
	if err != nil {
		return peer{}, fmt.Errorf("reading the peer's groups: %w", err)
	}
	return peer{pid: cred.Pid, uid: cred.Uid, gid: cred.Gid, groups: groups}, nil
}

// readGroups asks the kernel for the groups that the peer's process has, which
// may be fewer than /etc/group gives its user. x/sys/unix has no call for it.
func readGroups(fd int) ([]uint32, error) {
	const idBytes = 4 // gid_t on every Linux
	groups := make([]uint32, 32)
	for {
		size := uint32(len(groups) * idBytes)
		_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), unix.SOL_SOCKET, unix.SO_PEERGROUPS,
			uintptr(unsafe.Pointer(&groups[0])), uintptr(unsafe.Pointer(&size)), 0)
		switch errno {
		case 0:
			return groups[:size/idBytes], nil
		case unix.ERANGE: // size now says how many there are
			groups = make([]uint32, size/idBytes)
		default:
			return nil, errno
		}
	}
}

// policy says who may do more than read the status.
type policy struct {
	uid      uint32 // the daemon's own
	group    uint32
	hasGroup bool // false where the group does not exist
}

// systemPolicy is the policy of this process on this system.
func systemPolicy() policy {
	p := policy{uid: uint32(os.Geteuid())}
	g, err := user.LookupGroup(Group)
	if err != nil {
		return p
	}
	id, err := strconv.ParseUint(g.Gid, 10, 32)
	p.group, p.hasGroup = uint32(id), err == nil
	return p
}

// allows reports whether p may change things.
func (a policy) allows(p peer) bool {
	const root = 0
	if p.uid == root || p.uid == a.uid {
		return true
	}
	return a.hasGroup && (p.gid == a.group || slices.Contains(p.groups, a.group))
}
