package handover

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// envPlay has the test binary play an image that replaces itself.
const envPlay = "HANDOVER_TEST_PLAY"

func TestMain(m *testing.M) {
	if os.Getenv(envPlay) != "" {
		os.Exit(play())
	}
	os.Exit(m.Run())
}

// cast is what one image leaves to the next.
type cast struct {
	PID, Stranger, Pipe, Leak int
	Started                   uint64
	First                     int // process id
}

// report is what the second image finds.
type report struct {
	SamePID  bool
	Heard    string // by the pipe from the child that was taken over
	Status   int    // of that child
	Ended    int    // other children
	Leaked   bool   // a descriptor that nobody claimed
	Env      bool   // still says that there is a record
	Inherits bool   // LISTEN_FDS of the image before
}

// play is both images.
func play() int {
	fd, pending := Pending()
	if !pending {
		return playFirst()
	}
	var c cast
	if err := Load(fd, 1, &c); err != nil {
		return 10
	}
	ended, err := Claim([]int{c.Pipe}, []int{c.PID}, time.Second)
	if err != nil {
		return 11
	}
	r := report{SamePID: os.Getpid() == c.First, Ended: ended, Env: os.Getenv(Env) != "", Inherits: os.Getenv("LISTEN_FDS") != ""}
	_, err = unix.FcntlInt(uintptr(c.Leak), unix.F_GETFD, 0)
	r.Leaked = err == nil
	pipe, err := Open(c.Pipe, "pipe")
	if err != nil {
		return 12
	}
	p, err := Adopt(c.PID, c.Started)
	if err != nil {
		return 13
	}
	said, _ := io.ReadAll(pipe)
	r.Heard, r.Status = string(said), p.Reap().ExitStatus()
	if json.NewEncoder(os.Stdout).Encode(r) != nil {
		return 14
	}
	return 0
}

// playFirst starts two children, one of which says something later, and executes
// itself anew. The second one, and one descriptor, are told to nobody.
func playFirst() int {
	r, w, err := os.Pipe()
	if err != nil {
		return 20
	}
	cmd := exec.Command("/bin/sh", "-c", "sleep 0.2; echo still here; exit 5")
	cmd.Stdout = w
	p, err := Start(cmd)
	w.Close()
	if err != nil {
		return 21
	}
	stranger, err := Start(exec.Command("/bin/sleep", "1000"))
	if err != nil {
		return 22
	}
	c := cast{PID: p.PID, Started: p.Started, Stranger: stranger.PID, First: os.Getpid()}
	if c.Pipe, err = Dup(r); err != nil {
		return 23
	}
	if c.Leak, err = unix.Dup(2); err != nil {
		return 24
	}
	record, err := Save(1, c)
	if err != nil {
		return 25
	}
	_ = Exec("/proc/self/exe", os.Args, os.Environ(), record, []int{c.Pipe})
	return 26
}

// A child and its pipe survive an execve; what nobody claims does not.
func TestExec(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), envPlay+"=1", "LISTEN_FDS=2", "LISTEN_PID=1")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var got report
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	if want := (report{SamePID: true, Heard: "still here\n", Status: 5, Ended: 1}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// After an execve that failed everything is as it was: no child inherits what
// was to be handed over.
func TestExecFails(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	fd, err := Dup(r)
	if err != nil {
		t.Fatal(err)
	}
	defer Close(fd)
	record, err := Save(1, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer record.Close()
	if err := Exec("/no/such/program", nil, nil, record, []int{fd}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	if fds, err := inherited(); err != nil || slices.Contains(fds, fd) {
		t.Errorf("children inherit %v (%v)", fds, err)
	}
	if err := Exec("/proc/self/exe", nil, nil, record, []int{1 << 20}); !errors.Is(err, unix.EBADF) {
		t.Errorf("a descriptor that is not open: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	got := environment([]string{"PATH=/bin", Env + "=3", "LISTEN_FDS=2", "LISTEN_PID=7", "LISTEN_FDNAMES=a:b", "NOTIFY_SOCKET=/run/n"}, 9)
	if want := "PATH=/bin NOTIFY_SOCKET=/run/n " + Env + "=9"; strings.Join(got, " ") != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestOpenWantsADescriptor(t *testing.T) {
	for _, fd := range []int{None, 0, 2, 1 << 20} {
		if f, err := Open(fd, "pipe"); err == nil {
			f.Close()
			t.Errorf("%d is taken", fd)
		}
	}
}
