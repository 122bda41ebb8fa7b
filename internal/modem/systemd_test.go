package modem

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/godbus/dbus/v5"
)

// systemd starts a systemd with these units, by name their LoadState and
// ActiveState. Its jobs end with the result in the attribute jobs_end.
func (r *rig) systemd(result string, units map[string][2]string) {
	r.t.Helper()
	r.mock(systemdService, systemdService, systemdPath, systemdManager)
	job := `
self.job = getattr(self, 'job', 0) + 1
ret = dbus.ObjectPath('/org/freedesktop/systemd1/job/%d' % self.job)
from gi.repository import GLib
GLib.idle_add(lambda s=self, j=self.job, p=ret, n=args[0]: s.EmitSignal(
    'org.freedesktop.systemd1.Manager', 'JobRemoved', 'uoss', [dbus.UInt32(j), p, n, '` + result + `']))
`
	if result == "" {
		job = `ret = dbus.ObjectPath('/org/freedesktop/systemd1/job/1')`
	}
	r.method(systemdService, systemdPath, systemdManager, "Subscribe", "", "", "")
	r.method(systemdService, systemdPath, systemdManager, "StartUnit", "ss", "o", job)
	r.method(systemdService, systemdPath, systemdManager, "RestartUnit", "ss", "o", job)
	r.method(systemdService, systemdPath, systemdManager, "LoadUnit", "s", "o", `
path = '/org/freedesktop/systemd1/unit/' + ''.join(c if c.isalnum() else '_%02x' % ord(c) for c in args[0])
if path not in objects:
    self.AddObject(path, 'org.freedesktop.systemd1.Unit', {'LoadState': 'not-found', 'ActiveState': 'inactive'}, [])
ret = dbus.ObjectPath(path)`)
	files := "'/lib/systemd/system/getty@.service', '/lib/systemd/system/ssh.service'"
	for name, states := range units {
		files += ", '/etc/systemd/system/" + name + "'"
		path := r.call(systemdService, systemdPath, systemdManager+".LoadUnit", name).Body[0].(dbus.ObjectPath)
		r.set(systemdService, string(path), systemdUnit, "LoadState", states[0])
		r.set(systemdService, string(path), systemdUnit, "ActiveState", states[1])
	}
	r.method(systemdService, systemdPath, systemdManager, "ListUnitFilesByPatterns", "asas", "a(ss)", `
import fnmatch
ret = []
for f in [`+files+`]:
    for p in args[1]:
        if fnmatch.fnmatch(f.split('/')[-1], p):
            ret.append((f, 'static'))`)
}

// jobs are the units that were started or restarted.
func (r *rig) jobs(method string) []string {
	r.t.Helper()
	var names []string
	for _, args := range r.calls(systemdService, systemdPath, method) {
		names = append(names, args[0].(string)+" "+args[1].(string))
	}
	return names
}

var running = [2]string{"loaded", "active"}

func TestJobResult(t *testing.T) {
	for result, want := range map[string]string{
		"done": "", "failed": "x.service: failed; `journalctl -u x.service` says why", "timeout": "x.service: timeout",
	} {
		r := newRig(t)
		r.systemd(result, nil)
		err := systemd{NewBus(r.address)}.start(within(t), "x.service")
		if want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: got %v", result, err)
		}
	}
}

// Only the end of its own job counts.
func TestJobOfSomebodyElse(t *testing.T) {
	r := newRig(t)
	r.systemd("", nil)
	ctx, cancel := context.WithCancel(within(t))
	done := background(func() error { return systemd{NewBus(r.address)}.restart(ctx, "x.service") })
	r.awaitCall(systemdService, systemdPath, "RestartUnit", 1)
	ended := func(job string, result string) {
		r.signal(systemdService, systemdPath, systemdManager, "JobRemoved", "uoss", uint32(1), dbus.ObjectPath(job), "x.service", result)
	}
	ended(systemdPath+"/job/99", "failed")
	ended(systemdPath+"/job/1", "done")
	if err := <-done; err != nil {
		t.Error(err)
	}
	done = background(func() error { return systemd{NewBus(r.address)}.restart(ctx, "x.service") })
	r.awaitCall(systemdService, systemdPath, "RestartUnit", 2)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestUnitStates(t *testing.T) {
	r := newRig(t)
	r.systemd("done", map[string][2]string{"wvdial.service": {"loaded", "failed"}, "old.service": {"masked", "inactive"}})
	s := systemd{NewBus(r.address)}
	for name, want := range map[string]unit{
		"wvdial.service": {"loaded", "failed"}, "old.service": {"masked", "inactive"}, "wvdail.service": {"not-found", "inactive"},
	} {
		if got, err := s.unit(within(t), name); err != nil || got != want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, want := range map[string]bool{"getty@.service": true, helperTemplate: false} {
		if got, err := s.hasFile(within(t), name); err != nil || got != want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	got, err := s.services(within(t))
	slices.Sort(got)
	if want := []string{"old.service", "ssh.service", "wvdial.service"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAlike(t *testing.T) {
	all := []string{"ssh.service", "wvdial.service", "wg-quick@wg0.service", "pppd-dns.service", "wvdial-old.service", "soracom-wvdial.service"}
	tests := map[string][]string{
		"wvdail.service":        {"wvdial.service", "wvdial-old.service"},
		"wg-quick@wg1.service":  {"wg-quick@wg0.service"},
		"nothing-alike.service": {},
		"dial.service":          {"wvdial.service", "soracom-wvdial.service"},
	}
	for name, want := range tests {
		if got := alike(name, all); !slices.Equal(got, want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
