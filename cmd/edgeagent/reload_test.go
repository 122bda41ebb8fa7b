package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
)

// script puts a shell script at path, as another file than what was there.
func script(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// programImage is the image of a process that runs the script at path.
func programImage(t *testing.T) image {
	t.Helper()
	path := filepath.Join(t.TempDir(), "edgeagent")
	script(t, path, "exit 0")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return image{path, info}
}

func TestImageIsReplaced(t *testing.T) {
	i := programImage(t)
	if another, err := i.replaced(); another || err != nil {
		t.Errorf("untouched: %v, %v", another, err)
	}
	script(t, i.path, "exit 0")
	if another, err := i.replaced(); !another || err != nil {
		t.Errorf("the same content in another file: %v, %v", another, err)
	}
	if err := os.Remove(i.path); err != nil {
		t.Fatal(err)
	}
	if another, err := i.replaced(); another || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("removed: %v, %v", another, err)
	}
	if another, err := (image{}).replaced(); another || err != nil {
		t.Errorf("not known: %v, %v", another, err)
	}
}

// The image of this test is found, though it was not called by an absolute path.
func TestFindImage(t *testing.T) {
	i := findImage()
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if another, err := i.replaced(); i.path != own || another || err != nil {
		t.Errorf("found %s, want %s: %v, %v", i.path, own, another, err)
	}
}

func TestTryProgram(t *testing.T) {
	for name, tc := range map[string]struct{ script, err string }{
		"good":          {`case "$*" in version|"config check /etc/x.yaml") ;; *) exit 9;; esac`, ""},
		"crashes":       {"echo out of order; echo more; exit 3", "version: exit status 3: out of order"},
		"likes no file": {`[ "$1" = version ] || { echo x.yaml:1: key: no; exit 2; }`, "config check /etc/x.yaml: exit status 2: x.yaml:1: key: no"},
	} {
		t.Run(name, func(t *testing.T) {
			i := programImage(t)
			script(t, i.path, tc.script)
			err := i.try(t.Context(), "/etc/x.yaml")
			if tc.err == "" && err != nil || tc.err != "" && (err == nil || !strings.HasSuffix(err.Error(), tc.err)) {
				t.Errorf("%v, want ...%s", err, tc.err)
			}
		})
	}
	i := programImage(t)
	if err := os.WriteFile(i.path, []byte("\x7fELF of another machine"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := i.try(t.Context(), "x"); !errors.Is(err, syscall.ENOEXEC) {
		t.Errorf("not for this machine: %v", err)
	}
	script(t, i.path, "exec sleep 1000")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := i.try(ctx, "x"); err == nil || !strings.Contains(err.Error(), "it does not come to an end") {
		t.Errorf("one that hangs: %v", err)
	}
}

// upgradeRig is a rig whose program's file can be replaced.
func newUpgradeRig(t *testing.T) (r *rig, executed chan *agent.Handover) {
	t.Helper()
	r = newRig(t)
	executed = make(chan *agent.Handover, 1)
	r.daemon.image = programImage(t)
	r.daemon.warnings = make(chan string, 1)
	r.daemon.execute = func(_ context.Context, h *agent.Handover) error {
		executed <- h
		return errors.New("no such luck")
	}
	return r, executed
}

// The next agent gets what the one before left.
func TestReloadHandsOver(t *testing.T) {
	r, _ := newUpgradeRig(t)
	stop, ended := r.start(t)
	if o := <-r.runs; o.Adopt != nil {
		t.Errorf("the first one adopts %+v", o.Adopt)
	}
	r.reload <- syscall.SIGHUP
	if o := <-r.runs; o.Adopt == nil || o.Adopt.Version != "gw-1" {
		t.Errorf("the second one adopts %+v", o.Adopt)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// A program that cannot be executed leaves the old one with everything.
func TestExecuteFails(t *testing.T) {
	r, executed := newUpgradeRig(t)
	stop, ended := r.start(t)
	<-r.runs
	script(t, r.daemon.image.path, "exit 0")
	r.write(t, configText("gw-2")) // for the new program, which does not come
	r.reload <- syscall.SIGHUP
	if h := <-executed; h.Version != "gw-1" {
		t.Errorf("executed with %+v", h)
	}
	if o := <-r.runs; o.Adopt == nil || o.Config.Device.Thing != "gw-1" {
		t.Errorf("goes on as %s with %+v", o.Config.Device.Thing, o.Adopt)
	}
	if text := <-r.daemon.warnings; !strings.HasSuffix(text, " stays: no such luck") {
		t.Errorf("status says %q", text)
	}
	stop()
	<-ended
}

// A program that does not run is not even tried: nothing is stopped for it.
func TestBadProgramIsRefused(t *testing.T) {
	r, executed := newUpgradeRig(t)
	stop, ended := r.start(t)
	<-r.runs
	script(t, r.daemon.image.path, "echo broken; exit 1")
	r.reload <- syscall.SIGHUP
	if text := <-r.daemon.warnings; !strings.HasPrefix(text, "the new program is refused") || !strings.HasSuffix(text, "exit status 1: broken") {
		t.Errorf("status says %q", text)
	}
	if len(executed) != 0 || len(r.runs) != 0 {
		t.Error("something was stopped for it")
	}
	stop()
	<-ended
}

// SIGTERM in the middle has an agent end what was left.
func TestStopWhileReplacing(t *testing.T) {
	r, executed := newUpgradeRig(t)
	r.linger = 0
	ctx, stop := context.WithCancel(t.Context())
	inner := r.daemon.run
	first := true
	r.daemon.run = func(runCtx context.Context, o agent.Options) (*agent.Handover, error) {
		left, err := inner(runCtx, o)
		if first {
			first = false
			stop() // while it hands over
		}
		return left, err
	}
	ended := make(chan error, 1)
	go func() { ended <- r.daemon.serve(ctx, r.reload) }()
	<-r.runs
	script(t, r.daemon.image.path, "exit 0")
	r.reload <- syscall.SIGHUP
	if o := <-r.runs; o.Adopt == nil {
		t.Error("nobody ends what was left")
	}
	if err := <-ended; err != nil || len(executed) != 0 {
		t.Errorf("%v, executed %d times", err, len(executed))
	}
}

// A configuration with which no agent can start leaves the one before running.
func TestUnstartableConfigurationFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.daemon.warnings = make(chan string, 1)
		stop, ended := r.start(t)
		<-r.runs
		r.write(t, configText("gw-2"))
		r.reload <- syscall.SIGHUP
		if o := <-r.runs; o.Config.Device.Thing != "gw-2" {
			t.Fatalf("started as %s", o.Config.Device.Thing)
		}
		r.fail <- errors.New("cannot start")
		if o := <-r.runs; o.Config.Device.Thing != "gw-1" || o.Adopt == nil {
			t.Errorf("goes on as %s with %+v", o.Config.Device.Thing, o.Adopt)
		}
		if text := <-r.daemon.warnings; !strings.Contains(text, "the old one stays: cannot start") {
			t.Errorf("status says %q", text)
		}
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// Without a configuration nothing can go on: what was left is ended.
func TestNothingIsTakenOverWithoutConfiguration(t *testing.T) {
	r := newRig(t)
	r.write(t, "log: {level: loud}\n")
	r.daemon.options.Adopt = &agent.Handover{}
	err := r.daemon.serve(t.Context(), r.reload)
	if !errors.As(err, new(config.Errors)) || r.daemon.options.Adopt != nil {
		t.Errorf("%v, and %+v is kept", err, r.daemon.options.Adopt)
	}
}
