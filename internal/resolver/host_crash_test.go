package resolver

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// crashEnv has this test binary do something to a device and die by SIGKILL
// after a number of system calls: "DIRECTORY|OPERATION|NUMBER".
const crashEnv = "EDGEAGENT_TEST_CRASH"

// operations are what may be under way when the power goes.
var operations = map[string]func(context.Context, *Host) error{
	"apply":   func(ctx context.Context, h *Host) error { return h.Apply(ctx) },
	"restore": func(ctx context.Context, h *Host) error { return h.Restore(ctx) },
}

// situations are what the operation finds.
var situations = map[string]func(testing.TB, *hostRig){
	"untouched": func(testing.TB, *hostRig) {},
	"applied":   func(t testing.TB, r *hostRig) { r.apply(t) },
	"trampled": func(t testing.TB, r *hostRig) {
		r.apply(t)
		r.put(t, "etc/resolv.conf", "nameserver 198.51.100.1\n")
	},
	"written through": func(t testing.TB, r *hostRig) {
		r.apply(t)
		writeTestFile(t, r.file.runtime, "nameserver 198.51.100.1\n")
	},
	"copied": func(t testing.TB, r *hostRig) {
		r.apply(t)
		r.put(t, "etc/resolv.conf", "nameserver 127.0.0.153\n")
	},
	"deleted": func(t testing.TB, r *hostRig) {
		r.apply(t)
		_ = os.Remove(r.o.EtcResolvConf)
	},
}

// recoveries are what happens next.
var recoveries = map[string]func(testing.TB, *hostRig){
	"restore": func(t testing.TB, r *hostRig) { r.restore(t) },
	"apply, restore": func(t testing.TB, r *hostRig) {
		r.apply(t)
		r.wantServers(t, stubAddr)
		r.restore(t)
	},
	"reboot, restore": func(t testing.TB, r *hostRig) {
		_ = os.RemoveAll(r.o.RuntimeDir)
		r.restore(t)
	},
}

// errCrash stands for a power cut where a real one would take too long.
type errCrash struct{}

// crashAt runs an operation that ends after n system calls, and reports whether
// it had that many.
func crashAt(t testing.TB, r *hostRig, operation string, n int) (crashed bool) {
	t.Helper()
	defer func() {
		switch e := recover(); e {
		case nil:
		case errCrash{}:
			crashed = true
		default:
			panic(e)
		}
	}()
	r.stepping(func(string) {
		if n--; n == 0 {
			panic(errCrash{})
		}
	})
	if err := operations[operation](t.Context(), r.Host); err != nil {
		t.Fatal(err)
	}
	return false
}

// TestCrashAnywhere ends every operation after every system call, in every
// situation, for every kind of original, and recovers in every way. Nothing may
// be left, and what was there before, or came later, must be there again.
func TestCrashAnywhere(t *testing.T) {
	for kind := range originals() {
		for situation := range situations {
			for operation := range operations {
				for recovery := range recoveries {
					for _, noExchange := range []bool{false, true} {
						c := crashCase{kind, situation, operation, recovery, noExchange}
						t.Run(fmt.Sprintf("%+v", c), c.run)
					}
				}
			}
		}
	}
}

type crashCase struct {
	kind, situation, operation, recovery string
	noExchange                           bool // as on NFS
}

// process is one that sees the device.
func (c crashCase) process(dir string) *hostRig {
	r := hostRigIn(dir)
	if c.noExchange {
		r.file.swap = func(string, string) error { return syscall.EINVAL }
	}
	return r
}

// device returns the device as it is before the operation.
func (c crashCase) device(t testing.TB) *hostRig {
	t.Helper()
	r := c.process(newHostRigAt(t, memoryDir(t)).dir)
	originals()[c.kind](t, r)
	situations[c.situation](t, r)
	return r
}

// memoryDir saves a thousand fsyncs.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "eares")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (c crashCase) run(t *testing.T) {
	whole := c.device(t)
	whole.restore(t)
	ends := [][]string{whole.servers(t)} // whom programs ask if nothing crashes
	if c.situation == "written through" && c.recovery == "reboot, restore" {
		ends = append(ends, nil, []string{"192.0.2.53"}) // it was written to memory only
	}
	for n, crashed := 1, true; crashed; n++ {
		r := c.device(t)
		during := append([][]string{r.servers(t), {stubAddr}}, ends...)
		crashed = crashAt(t, c.process(r.dir), c.operation, n)
		r.wantOneOf(t, fmt.Sprintf("crash after system call %d", n), during)
		recoveries[c.recovery](t, c.process(r.dir))
		r.wantOneOf(t, fmt.Sprintf("recovered from a crash after system call %d", n), ends)
		if s := r.snapshot(t); strings.Contains(s, "edgeagent") {
			t.Errorf("crash after system call %d leaves\n%s", n, s)
		}
	}
}

func (r *hostRig) wantOneOf(t testing.TB, when string, want [][]string) {
	t.Helper()
	got := r.servers(t)
	if !slices.ContainsFunc(want, func(w []string) bool { return slices.Equal(w, got) }) {
		t.Errorf("%s: programs ask %v, want one of %v", when, got, want)
	}
}

// TestKilledByteForByte does it with a real process and a real SIGKILL, and
// looks at more than the servers.
func TestKilledByteForByte(t *testing.T) {
	if spec := os.Getenv(crashEnv); spec != "" {
		killMyself(t, spec)
		return
	}
	original := originals()["file"]
	for situation, operation := range map[string]string{"untouched": "apply", "applied": "restore"} {
		for n := 1; ; n++ {
			r := newHostRig(t)
			original(t, r)
			before := r.snapshot(t)
			situations[situation](t, r)
			killed := runKilled(t, r.dir, operation, n)
			hostRigIn(r.dir).apply(t)
			r.wantServers(t, stubAddr)
			hostRigIn(r.dir).restore(t)
			if got := r.snapshot(t); got != before {
				t.Errorf("%s killed after system call %d:\n%s, was\n%s", operation, n, got, before)
			}
			if !killed {
				if n < 4 {
					t.Errorf("%s has only %d steps: the hook is not where the system calls are", operation, n-1)
				}
				break
			}
		}
	}
}

func runKilled(t *testing.T, dir, operation string, n int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s|%s|%d", crashEnv, dir, operation, n))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("the process did not die as it should: %v\n%s", err, out)
	}
	return true
}

func killMyself(t *testing.T, spec string) {
	t.Helper()
	part := strings.Split(spec, "|")
	var n int
	if _, err := fmt.Sscan(part[2], &n); err != nil {
		t.Fatal(err)
	}
	r := hostRigIn(part[0])
	r.stepping(func(string) {
		if n--; n == 0 {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
	})
	if err := operations[part[1]](t.Context(), r.Host); err != nil {
		t.Fatal(err)
	}
}
