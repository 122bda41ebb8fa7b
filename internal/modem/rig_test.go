package modem

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"

	"edgeagent/internal/config"
)

// rig is a private system bus with mocks on it that speak the real interfaces.
type rig struct {
	t       *testing.T
	dir     string
	address string
	daemon  *exec.Cmd
	conn    *dbus.Conn
	nm      *exec.Cmd // NetworkManager, if there is one
}

// python is the system's own: dbusmock is a package of the distribution.
const python = "/usr/bin/python3"

// patience is for a process to start on a busy machine.
const patience = 30 * time.Second

// busConfig lets everybody do everything but what a test forbids.
const busConfig = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><auth>EXTERNAL</auth><listen>unix:path=SOCKET</listen>
<policy context="default"><allow user="*"/><allow own="*"/>
<allow send_destination="*"/><allow send_type="signal"/><allow receive_type="signal"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
FORBIDDEN</policy></busconfig>`

// newRig starts a bus; forbidden holds <deny .../> rules of dbus-daemon(1).
func newRig(t *testing.T, forbidden ...string) *rig {
	t.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		t.Skip("needs dbus-daemon (Debian package dbus-daemon)")
	}
	if err := exec.Command(python, "-c", "import dbusmock").Run(); err != nil {
		t.Skip("needs dbusmock (Debian package python3-dbusmock)")
	}
	// t.TempDir() is too long a name for a socket.
	dir, err := os.MkdirTemp("", "modem")
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, dir: dir, address: "unix:path=" + filepath.Join(dir, "bus")}
	t.Cleanup(func() { os.RemoveAll(dir) })
	text := strings.NewReplacer("SOCKET", filepath.Join(dir, "bus"), "FORBIDDEN", strings.Join(forbidden, "")).Replace(busConfig)
	if err := os.WriteFile(filepath.Join(dir, "bus.conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.startBus()
	return r
}

// startBus starts the bus, or starts it again.
func (r *rig) startBus() {
	r.t.Helper()
	os.Remove(filepath.Join(r.dir, "bus"))
	r.daemon = r.start(exec.Command("dbus-daemon", "--nofork", "--config-file="+filepath.Join(r.dir, "bus.conf")))
	r.eventually("a bus", func() bool {
		conn, err := dbus.Connect(r.address)
		if err == nil {
			r.conn = conn
		}
		return err == nil
	})
	r.t.Cleanup(func() { r.conn.Close() })
}

// start runs a program until the test ends.
func (r *rig) start(cmd *exec.Cmd) *exec.Cmd {
	r.t.Helper()
	log, err := os.OpenFile(filepath.Join(r.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		r.t.Fatal(err)
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "DBUS_SYSTEM_BUS_ADDRESS="+r.address)
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { stop(cmd) })
	return cmd
}

func stop(cmd *exec.Cmd) {
	cmd.Process.Kill()
	cmd.Wait()
}

// mock starts a dbusmock process and waits for its name on the bus.
func (r *rig) mock(service string, args ...string) *exec.Cmd {
	r.t.Helper()
	cmd := r.start(exec.Command(python, append([]string{"-m", "dbusmock", "--system"}, args...)...))
	r.eventually(service, func() bool {
		var owned bool
		err := r.conn.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, service).Store(&owned)
		return err == nil && owned
	})
	return cmd
}

// log is what the bus and the mocks have written: every question asked of a mock.
func (r *rig) log() string {
	text, err := os.ReadFile(filepath.Join(r.dir, "log"))
	if err != nil {
		r.t.Fatal(err)
	}
	return string(text)
}

// eventually waits for the state of another process.
func (r *rig) eventually(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(patience); !ok(); {
		if time.Now().After(end) {
			r.t.Fatalf("no %s\n%s", what, r.log())
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// call calls a mock and fails the test if that fails.
func (r *rig) call(service, path, method string, args ...any) *dbus.Call {
	r.t.Helper()
	call := r.conn.Object(service, dbus.ObjectPath(path)).Call(method, 0, args...)
	if call.Err != nil {
		r.t.Fatalf("%s: %v", method, call.Err)
	}
	return call
}

// dbusmock's own interface.
const mockInterface = "org.freedesktop.DBus.Mock"

// method adds a method to an object, or replaces it; code is Python.
func (r *rig) method(service, path, iface, name, in, out, code string) {
	r.t.Helper()
	r.call(service, path, mockInterface+".AddMethod", iface, name, in, out, code)
}

// calls returns the arguments of each call of a method so far.
func (r *rig) calls(service, path, method string) [][]any {
	r.t.Helper()
	var rows [][]any
	if err := r.call(service, path, mockInterface+".GetMethodCalls", method).Store(&rows); err != nil {
		r.t.Fatal(err)
	}
	var all [][]any
	for _, row := range rows {
		args, _ := row[1].([]dbus.Variant)
		var one []any
		for _, v := range args {
			one = append(one, v.Value())
		}
		all = append(all, one)
	}
	return all
}

// awaitCall waits until a method has been called n times.
func (r *rig) awaitCall(service, path, method string, n int) {
	r.t.Helper()
	r.eventually("call of "+method, func() bool { return len(r.calls(service, path, method)) >= n })
}

// set changes a property, with the signal that tells it.
func (r *rig) set(service, path, iface, name string, value any) {
	r.t.Helper()
	r.call(service, path, mockInterface+".UpdateProperties", iface, map[string]dbus.Variant{name: dbus.MakeVariant(value)})
}

// signal has an object emit one.
func (r *rig) signal(service, path, iface, name, signature string, args ...any) {
	r.t.Helper()
	variants := make([]dbus.Variant, len(args))
	for i, a := range args {
		variants[i] = dbus.MakeVariant(a)
	}
	r.call(service, path, mockInterface+".EmitSignal", iface, name, signature, variants)
}

// rescue returns a Rescue on this bus for a link.
func (r *rig) rescue(l config.Link, change ...func(*Options)) *Rescue {
	r.t.Helper()
	l.Name, l.Type = "canal", config.LinkInterface
	o := Options{
		Link: l, Recovery: config.Default().Recovery, BusAddress: r.address,
		StateDir: r.t.TempDir(), RunDir: r.t.TempDir(), Log: slog.New(slog.DiscardHandler),
	}
	for _, c := range change {
		c(&o)
	}
	rescue := New(o)
	rescue.usb = usbTree{r.t.TempDir()}
	r.t.Cleanup(rescue.Close)
	return rescue
}

// within is a context for what must not hang.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// background runs f and returns what it returned.
func background[T any](f func() T) <-chan T {
	done := make(chan T, 1)
	go func() { done <- f() }()
	return done
}
