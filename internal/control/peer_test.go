package control

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func isRoot() bool { return os.Geteuid() == 0 }

func itoa(i int) string { return strconv.Itoa(i) }

type credentials struct {
	uid, gid uint32
	groups   []uint32
}

// dialWith connects as another user. The raw system calls change one thread
// only, which ends with its goroutine because it stays locked to it.
func dialWith(path string, c credentials) (net.Conn, error) {
	var conn net.Conn
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = c.take(); err == nil {
			conn, err = net.Dial("unix", path)
		}
	}()
	<-done
	return conn, err
}

// take gives this thread the credentials.
func (c credentials) take() error {
	first := unsafe.Pointer(nil)
	if len(c.groups) > 0 {
		first = unsafe.Pointer(&c.groups[0])
	}
	_, _, groups := unix.RawSyscall(unix.SYS_SETGROUPS, uintptr(len(c.groups)), uintptr(first), 0)
	_, _, gid := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(c.gid), uintptr(c.gid), uintptr(c.gid))
	_, _, uid := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(c.uid), uintptr(c.uid), uintptr(c.uid))
	for _, errno := range []unix.Errno{groups, gid, uid} {
		if errno != 0 {
			return errno
		}
	}
	return nil
}

// asUser returns a Client that connects as another user.
func asUser(t *testing.T, path string, c credentials) *Client {
	t.Helper()
	if !isRoot() {
		t.Skip("needs root: connects as other users")
	}
	for dir := filepath.Dir(path); dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode()&0o001 == 0 {
			if err := os.Chmod(dir, info.Mode()|0o001); err != nil {
				t.Fatal(err)
			}
		}
	}
	client := NewClient(path)
	client.dial = func(context.Context) (net.Conn, error) { return dialWith(path, c) }
	return client
}

func TestPolicy(t *testing.T) {
	daemon := policy{uid: 990, group: 991, hasGroup: true}
	tests := []struct {
		name   string
		policy policy
		peer   peer
		want   bool
	}{
		{"root", daemon, peer{uid: 0}, true},
		{"the daemon's own user", daemon, peer{uid: 990, gid: 5}, true},
		{"primary group", daemon, peer{uid: 1000, gid: 991}, true},
		{"supplementary group", daemon, peer{uid: 1000, gid: 1000, groups: []uint32{4, 991}}, true},
		{"other user", daemon, peer{uid: 1000, gid: 1000, groups: []uint32{4, 24}}, false},
		{"user with the group's number", daemon, peer{uid: 991, gid: 1000}, false},
		{"no such group, gid 0", policy{uid: 990}, peer{uid: 1000, gid: 0}, false},
		{"no such group, group 0", policy{uid: 990}, peer{uid: 1000, gid: 1000, groups: []uint32{0}}, false},
		{"no such group, root", policy{uid: 990}, peer{uid: 0}, true},
	}
	for _, tt := range tests {
		if got := tt.policy.allows(tt.peer); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// What the kernel says of a peer is what the API judges, over a real socket.
func TestPeerCredentials(t *testing.T) {
	many := make([]uint32, 100) // more than the first buffer holds
	for i := range many {
		many[i] = uint32(20000 + i)
	}
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	asUser(t, path, credentials{}) // makes the directory passable
	if err := os.Chmod(path, socketMode); err != nil {
		t.Fatal(err)
	}
	for _, want := range []credentials{
		{uid: 12345, gid: 23456},
		{uid: 12345, gid: 23456, groups: []uint32{7, 8}},
		{uid: 12345, gid: 23456, groups: many},
	} {
		client, err := dialWith(path, want)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		conn, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		got, err := peerOf(conn)
		conn.Close()
		if err != nil {
			t.Fatal(err)
		}
		if got.uid != want.uid || got.gid != want.gid || !slices.Equal(got.groups, want.groups) || int(got.pid) != os.Getpid() {
			t.Errorf("got %+v, want %+v of process %d", got, want, os.Getpid())
		}
	}
}

func TestGroupMembersMayAct(t *testing.T) {
	b := &fakeBackend{}
	path := serve(t, b, func(s *Server) { s.policy = policy{uid: 990, group: 23456, hasGroup: true} })
	tests := []struct {
		name string
		who  credentials
		want error
	}{
		{"stranger", credentials{uid: 12345, gid: 12345, groups: []uint32{4}}, ErrForbidden},
		{"member", credentials{uid: 12345, gid: 12345, groups: []uint32{4, 23456}}, nil},
		{"primary group", credentials{uid: 12345, gid: 23456}, nil},
		{"the daemon's own user", credentials{uid: 990, gid: 12345}, nil},
	}
	for _, tt := range tests {
		if err := asUser(t, path, tt.who).RestartLink(t.Context(), "vpn"); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if len(b.restarted) != 3 {
		t.Errorf("restarted %d times, want 3", len(b.restarted))
	}
}

// A connection whose other end is unknown may read the status and no more.
func TestPeerOfOtherSockets(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if _, err := peerOf(a); err == nil {
		t.Error("a pipe has credentials")
	}
	request, err := http.NewRequestWithContext(withPeer(t.Context(), &peerConn{Conn: a, peer: peer{uid: 0}}), "GET", pathLinks, nil)
	if err != nil {
		t.Fatal(err)
	}
	if (&Server{}).permits(request) {
		t.Error("an unknown peer is taken for root")
	}
}
