package tunnel

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"

	"golang.org/x/sys/unix"
)

// patience bounds every wait for a real process. Only a broken one uses it up.
const patience = 20 * time.Second

// device is a running Manager with real processes.
type device struct {
	*Manager
	t    *testing.T
	log  *logBuffer
	dir  string // where fakes leave word
	stop func() // ends Run and waits for its end

	mu   sync.Mutex
	last status.Update
}

func newDevice(t *testing.T, change func(*Options)) *device {
	t.Helper()
	d := &device{t: t, log: &logBuffer{}, dir: t.TempDir()}
	o := testOptions(d.log)
	for name := range o.Tunnel.Services {
		o.Tunnel.Services[name] = d.dir
	}
	if change != nil {
		change(&o)
	}
	d.Manager = New(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := d.Run(ctx, d.report); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	d.stop = func() { cancel(); <-done }
	t.Cleanup(d.stop)
	return d
}

func (d *device) report(u status.Update) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = u
}

func (d *device) said() status.Update {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

func (d *device) notify(token string, services ...string) {
	d.Handle(testTopic, notice(token, services...))
}

// eventually waits until ok.
func (d *device) eventually(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: not within %v\nstatus %+v\ntunnels %+v\n%s", what, patience, d.said(), d.List(), d.log)
		}
	}
}

// open opens a tunnel and returns the pid of its fake, which sent it as its channel.
func (d *device) open(token string, services ...string) int {
	d.t.Helper()
	before := d.log.count("tunnel connected")
	d.notify(token, services...)
	d.eventually("connecting "+token, func() bool { return d.log.count("tunnel connected") > before })
	_, rest, _ := strings.Cut(d.log.String()[strings.LastIndex(d.log.String(), "tunnel connected"):], "channel_id=")
	pid, err := strconv.Atoi(strings.Fields(rest + " x")[0])
	if err != nil {
		d.t.Fatalf("no pid in the log: %v\n%s", err, d.log)
	}
	return pid
}

// described returns what a fake left about itself.
func (d *device) described() (me self) {
	d.t.Helper()
	var data []byte
	d.eventually("a fake describing itself", func() (ok bool) {
		var err error
		data, err = os.ReadFile(filepath.Join(d.dir, "described"))
		return err == nil
	})
	if err := json.Unmarshal(data, &me); err != nil {
		d.t.Fatal(err)
	}
	return me
}

// gone reports whether no process has this pid, not even a zombie.
func gone(pid int) bool { return syscall.Kill(pid, 0) == syscall.ESRCH }

func TestProcessIsSetApart(t *testing.T) {
	// A descriptor that this process got from whoever started it.
	leak, err := unix.Dup(int(os.Stderr.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leak)
	t.Setenv("AWS_SECRET_ACCESS_KEY", "not for a child")

	d := newDevice(t, nil)
	d.notify("describe.1", "SSH")
	me := d.described()
	if want := []string{"0 /dev/null", "1 pipe:", "2 pipe:", "3 pipe:"}; !slices.Equal(me.FDs, want) {
		t.Errorf("descriptors %q, want %q", me.FDs, want)
	}
	if me.Dir != "/" || me.Group != me.PID || me.Group == syscall.Getpgrp() || me.NoNewPrivs != "1" {
		t.Errorf("%+v", me)
	}
	want := []string{"AWSIOT_TUNNEL_ACCESS_TOKEN", "AWSIOT_TUNNEL_CLIENT_TOKEN", "EDGEAGENT_EVENTS_FD", "PATH"}
	var names []string
	for _, e := range me.Env {
		name, _, _ := strings.Cut(e, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("environment %q, want %q", names, want)
	}
	if strings.Join(me.Args[:2], " ") != "edgeagent localproxy" {
		t.Errorf("runs as %q", me.Args)
	}
}

// The token is in the child's environment and nowhere else that can be read.
func TestTokenStaysSecret(t *testing.T) {
	d := newDevice(t, nil)
	const token = "spill.AQGAAXhPZm+/secret=="
	pid := d.open(token, "SSH")
	d.eventually("the retry's reason", func() bool { return strings.Contains(d.List()[0].Detail, "dialling with [token]") })
	d.eventually("the output in the log", func() bool {
		return d.log.count("access-token: [token]") == 1 && d.log.count("client-token [token]") == 1 && d.log.count("on stdout [token]") == 1
	})
	cmdline, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	environ, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil || !strings.Contains(string(environ), token) {
		t.Errorf("the child has no token: %v", err)
	}
	d.notify(token, "SSH") // repeated
	d.notify("", token)    // and malformed
	list, facts := d.List(), d.said()
	d.stop()
	for what, text := range map[string]string{
		"the command line": string(cmdline), "the log": d.log.String(),
		"List": fmt.Sprintf("%+v", list), "status": fmt.Sprintf("%+v %+v %s", facts, d.said(), asJSON(t, d.said())),
	} {
		if strings.Contains(text, "secret") {
			t.Errorf("the token is in %s:\n%s", what, text)
		}
	}
}

// A child that ignores SIGTERM is killed, Run waits for that, and no zombie and
// no goroutine or descriptor of a tunnel is left.
func TestNothingIsLeft(t *testing.T) {
	d := newDevice(t, nil)
	goroutines, fds := runtime.NumGoroutine(), countFDs(t)
	pids := []int{d.open("stubborn.1", "SSH"), d.open("connect.2", "VNC")}
	for i := range 4 { // rotation
		pids = append(pids, d.open(fmt.Sprintf("connect.%d", 3+i), "VNC"))
	}
	d.eventually("the predecessors' ends", func() bool { return len(d.List()) == 2 })
	began := time.Now()
	d.stop()
	if took := time.Since(began); took < termGrace {
		t.Errorf("Run ended after %v, before a deaf child can have been killed", took)
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d is left", pid)
		}
	}
	d.eventually("goroutines and descriptors", func() bool {
		return runtime.NumGoroutine() <= goroutines && countFDs(t) <= fds
	})
}

func countFDs(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// What a proxy started goes with it, even if it is deaf and holds the pipes.
func TestFamilyEndsTogether(t *testing.T) {
	d := newDevice(t, nil)
	d.notify("family.1", "SSH")
	d.eventually("the end", func() bool { return d.log.count("tunnel ended", "reason=done") == 1 })
	data, err := os.ReadFile(filepath.Join(d.dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(string(data))
	if err != nil {
		t.Fatal(err)
	}
	d.eventually("the grandchild's end", func() bool { return gone(child) || isZombie(child) })
}

// isZombie is true of an orphan that its new parent has not reaped yet.
func isZombie(pid int) bool {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, after, _ := strings.Cut(string(data), ") ")
	return strings.HasPrefix(after, "Z")
}

func TestCloseEndsProcess(t *testing.T) {
	d := newDevice(t, nil)
	pid := d.open("connect.1", "SSH")
	if err := d.Close(context.Background(), d.List()[0].ID); err != nil {
		t.Fatal(err)
	}
	if !gone(pid) || len(d.List()) != 0 {
		t.Errorf("process %d is left", pid)
	}
	d.open("stubborn.1", "SSH")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := d.Close(ctx, d.List()[0].ID); err == nil {
		t.Error("Close did not say that its time was up")
	}
}

// A process that crashes is started again with both its tokens; a panic's
// headline is told, without the token that is in it.
func TestCrash(t *testing.T) {
	d := newDevice(t, nil)
	d.notify("crashonce.1", "SSH")
	d.eventually("the second process", func() bool { return d.log.count("tunnel connected") == 1 })
	first, err := os.ReadFile(filepath.Join(d.dir, "crashed"))
	if err != nil {
		t.Fatal(err)
	}
	me := d.described()
	for name, want := range map[string]string{envAccessToken: "crashonce.1", envClientToken: string(first)} {
		if !slices.Contains(me.Env, name+"="+want) || len(first) < 32 {
			t.Errorf("restarted with %q, want %s=%s", me.Env, name, want)
		}
	}
	d.notify("crash.2", "VNC")
	d.eventually("the crash", func() bool {
		return d.log.count("starting it again", "exited with status 2: panic: no more [token]") == 1
	})
}

func TestDenied(t *testing.T) {
	d := newDevice(t, nil)
	d.notify("denied.1", "SSH")
	d.eventually("the refusal", func() bool { return d.said().Reason == status.ReasonRefused })
	if u := d.said(); u.State != status.Degraded || !strings.Contains(u.Detail, "refuses the token: the service refused [token]") {
		t.Errorf("%+v", u)
	}
}

// An external program gets the reference program's options and no descriptor
// of ours, and its exit status 0 is no success.
func TestExternalProgram(t *testing.T) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	d := newDevice(t, func(o *Options) {
		external(o)
		o.Tunnel.Proxy = program
	})
	d.notify("reference.1", "SSH")
	d.eventually("its line", func() bool { return d.log.count("tunnel connected") == 1 })
	me := d.described()
	want := []string{program, "-r", "ap-northeast-1", "-d", "SSH=" + d.dir, "-v", "4"}
	if !slices.Equal(me.Args, want) || !slices.Equal(me.FDs, []string{"0 /dev/null", "1 pipe:", "2 pipe:"}) {
		t.Errorf("runs as %q with %q, want %q", me.Args, me.FDs, want)
	}
	d.notify("zero.2", "VNC")
	d.eventually("the failure", func() bool {
		return d.log.count("starting it again", "exited with status 0 after", "without connecting") == 1
	})
}

const envParentOf = "TUNNEL_TEST_PARENT_OF"

// playParent is an agent that opens a tunnel and waits to be killed.
func playParent(dir string) {
	log := &logBuffer{}
	o := testOptions(log)
	o.Tunnel.Services = map[string]string{"SSH": dir}
	m := New(o)
	m.Handle(testTopic, notice("describe.1", "SSH"))
	_ = m.Run(context.Background(), func(status.Update) {})
}

// startParent starts an agent of its own process and returns what its proxy
// says of itself.
func startParent(t *testing.T, change func(*exec.Cmd)) (*exec.Cmd, self) {
	t.Helper()
	d := &device{Manager: New(testOptions(&logBuffer{})), t: t, log: &logBuffer{}, dir: t.TempDir()}
	parent := exec.Command("/proc/self/exe")
	parent.Env = append(os.Environ(), envParentOf+"="+d.dir)
	change(parent)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = parent.Process.Kill(); _ = parent.Wait() })
	return parent, d.described()
}

// A tunnel does not outlive the agent, however that ends.
func TestParentKilled(t *testing.T) {
	parent, me := startParent(t, func(*exec.Cmd) {})
	if gone(me.PID) {
		t.Fatal("the proxy is gone while its parent lives")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(patience); !gone(me.PID) && !isZombie(me.PID); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			_ = syscall.Kill(me.PID, syscall.SIGKILL)
			t.Fatal("the proxy lives on")
		}
	}
}

// The thread that starts a proxy is not the first one, which cannot end, and no
// other goroutine's: it has shed privileges, and its end is the proxy's.
func TestThreadIsItsOwn(t *testing.T) {
	const n = 50
	var ready, all sync.WaitGroup
	ready.Add(n)
	tids := make([]int, n)
	for i := range n {
		all.Go(func() {
			onOwnThread(func() {
				tids[i] = unix.Gettid()
				shedPrivileges(true)
				ready.Done()
				ready.Wait()
			})
		})
	}
	all.Wait()
	slices.Sort(tids)
	if slices.Contains(tids, os.Getpid()) || len(slices.Compact(tids)) != n {
		t.Errorf("process %d used threads %v", os.Getpid(), tids)
	}
	parent, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", os.Getppid()))
	if err != nil || strings.Contains(string(parent), noNewPrivs) {
		t.Skip("needs to be started with privileges to shed: all threads have the mark")
	}
	for deadline := time.Now().Add(patience); markedThreads(t) > 0; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d threads that shed privileges live on", markedThreads(t))
		}
	}
}

// noNewPrivs marks a thread that shed privileges, in its status in /proc.
const noNewPrivs = "NoNewPrivs:\t1"

// markedThreads counts the threads of this process that shed privileges.
func markedThreads(t *testing.T) (n int) {
	files, err := filepath.Glob("/proc/self/task/*/status")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		// One that ends meanwhile cannot be read, and needs not be.
		if data, _ := os.ReadFile(file); strings.Contains(string(data), noNewPrivs) {
			n++
		}
	}
	return n
}

// The daemon's ambient capabilities are not a proxy's, but for the one that
// binding to a device needs on old kernels.
func TestCapabilities(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: only it may hand out capabilities")
	}
	_, me := startParent(t, func(c *exec.Cmd) {
		c.SysProcAttr = &syscall.SysProcAttr{AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BIND_SERVICE}}
	})
	if want := fmt.Sprintf("%016x", 1<<unix.CAP_NET_RAW); me.Ambient != want {
		t.Errorf("ambient capabilities %s, want %s", me.Ambient, want)
	}
}
