package localproxy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// keyEnv names a file that the child could read if it were not confined.
const keyEnv = "LOCALPROXY_TEST_KEY"

// helperEnv makes a run of this test binary the child of a test.
const helperEnv = "LOCALPROXY_TEST_HELPER"

// childReport is what a hardened child sees of itself.
type childReport struct {
	Files            []string // what its file descriptors are
	NoNewPrivs       string
	CapEff, CapPrm   string
	CapAmb           string
	Environ, Cmdline string
	Failed           []string
	Key, Maps        string // what came of opening the key and /proc/self/maps after Confine
}

func TestMain(m *testing.M) {
	if secret := os.Getenv(helperEnv); secret != "" {
		if err := hardened(secret); err != nil {
			panic(err)
		}
		return
	}
	os.Exit(m.Run())
}

// hardened is the child.
func hardened(secret string) error {
	var r childReport
	if err := Scrub(secret); err != nil {
		return err
	}
	for _, err := range Harden([]int{3}, false) {
		r.Failed = append(r.Failed, err.Error())
	}
	r.look()
	r.confine(os.Getenv(keyEnv))
	return json.NewEncoder(os.NewFile(3, "report")).Encode(r)
}

func (r *childReport) confine(key string) {
	if err := Confine(); err != nil {
		r.Key, r.Maps = err.Error(), err.Error()
		return
	}
	opened := func(name string) string {
		if _, err := os.ReadFile(name); err != nil {
			return err.Error()
		}
		return "readable"
	}
	done := make(chan struct{})
	go func() { // another thread than the one that called Confine
		runtime.LockOSThread()
		defer close(done)
		r.Key = opened(key)
	}()
	<-done
	r.Maps = opened("/proc/self/maps")
}

func (r *childReport) look() {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if target, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			r.Files = append(r.Files, e.Name()+" "+target)
		}
	}
	status, _ := os.ReadFile("/proc/self/status")
	for _, line := range strings.Split(string(status), "\n") {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "NoNewPrivs":
			r.NoNewPrivs = value
		case "CapEff":
			r.CapEff = value
		case "CapPrm":
			r.CapPrm = value
		case "CapAmb":
			r.CapAmb = value
		}
	}
	environ, _ := os.ReadFile("/proc/self/environ")
	cmdline, _ := os.ReadFile("/proc/self/cmdline")
	r.Environ, r.Cmdline = string(environ), string(cmdline)
}

// hardenedChild runs the helper with two files that it must not keep.
func hardenedChild(t *testing.T, program string) (r childReport, secret string) {
	t.Helper()
	secret = "s3cr3t-" + NewClientToken()
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	extra, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer extra.Close()
	cmd := exec.CommandContext(t.Context(), program, "--", secret)
	key := filepath.Join(t.TempDir(), "private.pem.key")
	if err := os.WriteFile(key, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd.Env = append(os.Environ(), helperEnv+"="+secret, keyEnv+"="+key)
	cmd.ExtraFiles = []*os.File{writing, extra, extra}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	writing.Close()
	if err := json.NewDecoder(reading).Decode(&r); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
	return r, secret
}

func TestHardenedChildKeepsNothing(t *testing.T) {
	r, secret := hardenedChild(t, os.Args[0])
	for _, file := range r.Files {
		if strings.HasSuffix(file, os.DevNull) && !strings.HasPrefix(file, "0 ") && !strings.HasPrefix(file, "1 ") && !strings.HasPrefix(file, "2 ") {
			t.Errorf("an inherited file is open still: %s", file)
		}
	}
	if strings.Contains(r.Environ, secret) || strings.Contains(r.Cmdline, secret) {
		t.Error("the secret shows in /proc")
	}
	if !strings.Contains(r.Environ, helperEnv+"=***") || !strings.Contains(r.Cmdline, "--\x00***") {
		t.Error("more than the secret was overwritten")
	}
	const none = "0000000000000000"
	wantFailed, wantPrivs := 0, "1"
	if threadsOutOfReach() {
		wantFailed, wantPrivs = 2, "0" // and told, for the log
	} else if r.CapEff != none || r.CapPrm != none || r.CapAmb != none {
		t.Errorf("capabilities are left: %+v", r)
	}
	if len(r.Failed) != wantFailed || r.NoNewPrivs != wantPrivs {
		t.Errorf("%+v", r)
	}
}

// threadsOutOfReach tells a binary with cgo, such as -race makes: it cannot
// change all its threads, and says so.
func threadsOutOfReach() bool {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_GETPID, 0, 0, 0)
	return errno == unix.ENOTSUP
}

// asShipped returns this test's program without cgo, as the real one is.
func asShipped(t *testing.T) string {
	t.Helper()
	if !threadsOutOfReach() {
		return os.Args[0]
	}
	program := filepath.Join(t.TempDir(), "localproxy.test")
	build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building without cgo: %v\n%s", err, out)
	}
	return program
}

// The same user owns the device's keys: only the kernel can keep them apart.
func TestConfinedChildReadsNoKey(t *testing.T) {
	r, _ := hardenedChild(t, asShipped(t))
	if r.Key == ErrNoLandlock.Error() {
		t.Skip("needs a kernel with Landlock")
	}
	if !strings.HasSuffix(r.Key, "permission denied") {
		t.Errorf("the key of the same user: %s", r.Key)
	}
	if r.Maps != "readable" {
		t.Errorf("its own /proc entry: %s", r.Maps)
	}
}
