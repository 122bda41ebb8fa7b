package tunnel

import (
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// untilDeadline is a pipe whose deadline comes once its text is read.
type untilDeadline struct{ text string }

// Read implements io.Reader.
func (u *untilDeadline) Read(p []byte) (int, error) {
	if u.text == "" {
		return 0, os.ErrDeadlineExceeded
	}
	n := copy(p, u.text)
	u.text = u.text[n:]
	return n, nil
}

// orphan runs a shell script in a group of its own, with one more variable in its
// environment, as a child of nobody here.
func orphan(t *testing.T, variable, script string) (pid int) {
	t.Helper()
	out, err := exec.Command("/bin/sh", "-c", "setsid env "+variable+" /bin/sh -c \"$0\" >/dev/null 2>&1 & echo $!", script).Output()
	if err != nil {
		t.Fatal(err)
	}
	if pid, err = strconv.Atoi(strings.TrimSpace(string(out))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	// It has not become the script at once.
	for {
		environ, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(environ), variable) {
			return pid
		}
	}
}
