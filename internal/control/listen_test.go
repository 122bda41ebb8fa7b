package control

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func socketPath(t *testing.T) string { return filepath.Join(t.TempDir(), "control.sock") }

func TestListenModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run", "edgeagent", "control.sock")
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{
		path: fs.ModeSocket | 0o666, filepath.Dir(path): fs.ModeDir | 0o755,
		filepath.Join(filepath.Dir(path), "lock"): 0o600,
	} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), want)
		}
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after Close the socket is still there: %v", err)
	}
}

func TestListenTwice(t *testing.T) {
	path := socketPath(t)
	first, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), filepath.Dir(path)+"/lock") {
		t.Errorf("second daemon: %v", err)
	}
	if conn, err := net.Dial("unix", path); err != nil {
		t.Errorf("the second took the first one's socket away: %v", err)
	} else {
		conn.Close()
	}
	first.Close()
	again, err := Listen(path)
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	again.Close()
}

// A daemon that was killed as it started a program has left its lock to a child
// that is not that program yet.
func TestListenWaitsForALockThatIsAboutToGo(t *testing.T) {
	path := socketPath(t)
	killed, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	killed.UnixListener.Close()
	timer := time.AfterFunc(5*lockEvery, func() { killed.lock.Close() })
	defer timer.Stop()
	next, err := Listen(path)
	if err != nil {
		t.Fatalf("the daemon that is to follow: %v", err)
	}
	next.Close()
}

// Of many daemons that start at once over a stale socket, one wins.
func TestListenRace(t *testing.T) {
	path := socketPath(t)
	stale(t, path)
	var group sync.WaitGroup
	var mu sync.Mutex
	var winners []net.Listener
	for range 20 {
		group.Go(func() {
			l, err := Listen(path)
			if err != nil {
				if !errors.Is(err, ErrRunning) {
					t.Errorf("loser: %v", err)
				}
				return
			}
			mu.Lock()
			defer mu.Unlock()
			winners = append(winners, l)
		})
	}
	group.Wait()
	if len(winners) != 1 {
		t.Fatalf("%d daemons listen", len(winners))
	}
	defer winners[0].Close()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("nobody answers: %v", err)
	}
	conn.Close()
}

// stale leaves a socket behind as a killed daemon does.
func stale(t *testing.T, path string) {
	t.Helper()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
}

func TestListenOverStaleSocket(t *testing.T) {
	path := socketPath(t)
	stale(t, path)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

// A daemon without our lock (an older version, say) is found by asking it.
func TestListenOverLiveSocket(t *testing.T) {
	path := socketPath(t)
	other, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	_, err = Listen(path)
	if !errors.Is(err, ErrRunning) || !strings.Contains(err.Error(), "process "+itoa(os.Getpid())+" answers on "+path) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("its socket was removed: %v", err)
	}
}

func TestListenInTheWay(t *testing.T) {
	tests := map[string]struct {
		prepare func(path string) error
		want    string
	}{
		"file":         {func(p string) error { return os.WriteFile(p, []byte("precious"), 0o600) }, "not a socket, remove it by hand"},
		"directory":    {func(p string) error { return os.Mkdir(p, 0o700) }, "not a socket, remove it by hand"},
		"symlink":      {func(p string) error { return os.Symlink("/etc/passwd", p) }, "not a socket, remove it by hand"},
		"lock symlink": {func(p string) error { return os.Symlink("/etc/passwd", filepath.Dir(p)+"/lock") }, "locking the runtime directory"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := socketPath(t)
			if err := tt.prepare(path); err != nil {
				t.Fatal(err)
			}
			l, err := Listen(path)
			if err == nil {
				l.Close()
				t.Fatal("listening")
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if l, err := takeLock(filepath.Join(filepath.Dir(path), "lock")); err == nil {
				l.Close()
			} else if name != "lock symlink" {
				t.Errorf("the lock is still held: %v", err)
			}
		})
	}
}

func TestListenLongPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("x", 100), "control.sock")
	if _, err := Listen(path); err == nil || !strings.Contains(err.Error(), "the kernel takes at most 107") {
		t.Errorf("got %v", err)
	}
	dir, err := os.MkdirTemp("/tmp", "ea")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	longest := filepath.Join(dir, strings.Repeat("x", maxPathBytes-len(dir)-1))
	l, err := Listen(longest)
	if err != nil {
		t.Fatalf("%d bytes: %v", len(longest), err)
	}
	l.Close()
}

// The lock does not pass to children: a daemon that was killed leaves no lock
// behind with the openvpn that outlived it.
func TestLockIsNotInherited(t *testing.T) {
	path := socketPath(t)
	l, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer child.Wait()
	defer child.Process.Kill()
	l.Close()
	again, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}
