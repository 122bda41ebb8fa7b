package modem

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/godbus/dbus/v5"
)

// systemd's D-Bus API.
// https://www.freedesktop.org/software/systemd/man/latest/org.freedesktop.systemd1.html
const (
	systemdService = "org.freedesktop.systemd1"
	systemdPath    = "/org/freedesktop/systemd1"
	systemdManager = "org.freedesktop.systemd1.Manager"
	systemdUnit    = "org.freedesktop.systemd1.Unit"
)

var systemdMain = object{systemdService, systemdPath}

// systemd is a client of systemd's manager. The daemon may start units of one kind
// by it and read the rest; root may do everything.
type systemd struct{ bus *Bus }

// JobError means that systemd could not do what it was asked for.
type JobError struct {
	Unit, Result string // Result as in the JobRemoved signal: failed, timeout, dependency ...
}

// Error implements error.
func (e *JobError) Error() string {
	return fmt.Sprintf("%s: %s; `journalctl -u %s` says why", e.Unit, e.Result, e.Unit)
}

// start starts a unit and waits until its job is done: for a oneshot service,
// until its program has ended.
func (s systemd) start(ctx context.Context, unit string) error {
	return s.job(ctx, "StartUnit", unit, "replace")
}

// restart restarts a unit, or starts it: a dialler that has given up is as common
// as one that hangs.
func (s systemd) restart(ctx context.Context, unit string) error {
	return s.job(ctx, "RestartUnit", unit, "replace")
}

// job queues a job and waits for its end, which is a signal.
func (s systemd) job(ctx context.Context, method, unit, mode string) error {
	ctx, cancel := context.WithTimeout(ctx, unitLimit)
	defer cancel()
	signals, stop, err := s.bus.subscribe(ctx, []dbus.MatchOption{
		dbus.WithMatchSender(systemdService), dbus.WithMatchInterface(systemdManager), dbus.WithMatchMember("JobRemoved")})
	if err != nil {
		return err
	}
	defer stop()
	// Without this systemd sends no signals.
	if err := s.bus.call(ctx, systemdMain, systemdManager+".Subscribe", nil); err != nil && !alreadySubscribed(err) {
		return err
	}
	var job dbus.ObjectPath
	if err := s.bus.callFor(ctx, unitLimit, systemdMain, systemdManager+"."+method, []any{unit, mode}, &job); err != nil {
		return err
	}
	for {
		select {
		case sig, ok := <-signals:
			if !ok {
				return fmt.Errorf("waiting for %s: %w", unit, ErrNoBus)
			}
			if at[dbus.ObjectPath](sig.Body, 1) != job {
				continue
			}
			if result := at[string](sig.Body, 3); result != "done" {
				return &JobError{Unit: unit, Result: result}
			}
			return nil
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", unit, ctx.Err())
		}
	}
}

func alreadySubscribed(err error) bool {
	var answer dbus.Error
	return errors.As(err, &answer) && answer.Name == "org.freedesktop.systemd1.AlreadySubscribed"
}

// reboot has systemd shut everything down in order and start again. It returns
// as soon as that is under way.
func (s systemd) reboot(ctx context.Context) error {
	var job dbus.ObjectPath
	return s.bus.call(ctx, systemdMain, systemdManager+".StartUnit", []any{"reboot.target", "replace-irreversibly"}, &job)
}

// unit is what systemd knows of one.
type unit struct {
	load   string // loaded, not-found, masked, bad-setting, error
	active string // active, failed, inactive, activating ...
}

// unit loads a unit's state. A name without a file is no error: load says so.
func (s systemd) unit(ctx context.Context, name string) (unit, error) {
	var path dbus.ObjectPath
	if err := s.bus.call(ctx, systemdMain, systemdManager+".LoadUnit", []any{name}, &path); err != nil {
		return unit{}, err
	}
	p, err := s.bus.properties(ctx, object{systemdService, path}, systemdUnit)
	if err != nil {
		return unit{}, err
	}
	return unit{load: get[string](p, "LoadState"), active: get[string](p, "ActiveState")}, nil
}

// hasFile reports whether a unit file is installed, a template too.
func (s systemd) hasFile(ctx context.Context, name string) (bool, error) {
	all, err := s.files(ctx, name)
	return len(all) > 0, err
}

// services lists the service files of this device, without templates.
func (s systemd) services(ctx context.Context) ([]string, error) {
	all, err := s.files(ctx, "*.service")
	return slices.DeleteFunc(all, func(name string) bool { return strings.Contains(name, "@.") }), err
}

func (s systemd) files(ctx context.Context, pattern string) ([]string, error) {
	var rows [][]any
	err := s.bus.call(ctx, systemdMain, systemdManager+".ListUnitFilesByPatterns", []any{[]string{}, []string{pattern}}, &rows)
	var names []string
	for _, row := range rows {
		path := at[string](row, 0)
		names = append(names, path[strings.LastIndex(path, "/")+1:])
	}
	return names, err
}

// alike sorts names by how many of their letters they share with wanted at the
// beginning and at the end, and returns the first few that share enough.
func alike(wanted string, names []string) []string {
	wanted = strings.TrimSuffix(wanted, ".service")
	score := func(name string) int {
		name = strings.TrimSuffix(name, ".service")
		n := 0
		for n < min(len(name), len(wanted)) && name[n] == wanted[n] {
			n++
		}
		m := 0
		for m < min(len(name), len(wanted))-n && name[len(name)-1-m] == wanted[len(wanted)-1-m] {
			m++
		}
		return n + m
	}
	near := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return score(name) < 3 })
	slices.SortStableFunc(near, func(a, b string) int { return cmp.Compare(score(b), score(a)) })
	return near[:min(len(near), 3)]
}
