package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
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

// configText is a configuration of the named device; PKI stands for the directory
// of the files that it names.
func configText(thing string) string {
	return "device: {thing: " + thing + ", region: ap-northeast-1}\n" +
		"links: [{name: vpn, type: openvpn, config: PKI/client.ovpn}]\n" +
		"endpoint: {host: a.iot.ap-northeast-1.amazonaws.com}\n" +
		"mqtt: {ca: PKI/ca.pem, cert: PKI/cert.pem, key: PKI/key.pem}\n"
}

// rig is a daemon whose agent notes what it is run with.
type rig struct {
	daemon daemon
	pki    string // the directory of the files that the configuration names
	log    bytes.Buffer
	runs   chan agent.Options // receives when an agent starts
	reload chan os.Signal
	linger time.Duration // how long the agent takes to stop
	fail   chan error
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{runs: make(chan agent.Options, 1), reload: make(chan os.Signal, 1), fail: make(chan error, 1)}
	r.daemon = daemon{
		options: agent.Options{ConfigFile: filepath.Join(t.TempDir(), "edgeagent.yaml"), RuntimeDir: "/run/x", StateDir: "/var/lib/x"},
		newLog:  func(config.Log) *slog.Logger { return slog.New(slog.NewTextHandler(&r.log, nil)) },
		run: func(ctx context.Context, o agent.Options) (*agent.Handover, error) {
			r.runs <- o
			select {
			case err := <-r.fail:
				return o.Adopt, err
			case <-ctx.Done():
				time.Sleep(r.linger)
				if context.Cause(ctx) == agent.ErrReplaced {
					return &agent.Handover{Version: o.Config.Device.Thing}, nil
				}
				return nil, nil
			}
		},
		arm: func(context.Context) {},
	}
	r.pki = t.TempDir()
	if err := writeFiles(r.pki); err != nil {
		t.Fatal(err)
	}
	r.write(t, configText("gw-1"))
	return r
}

func (r *rig) write(t *testing.T, text string) {
	t.Helper()
	text = strings.ReplaceAll(text, "PKI", r.pki)
	if err := os.WriteFile(r.daemon.options.ConfigFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// start runs the daemon and returns how to stop it and what it returns.
func (r *rig) start(t *testing.T) (stop context.CancelFunc, ended chan error) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	ended = make(chan error, 1)
	go func() { ended <- r.daemon.serve(ctx, r.reload) }()
	return stop, ended
}

func TestDaemonOptions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stop, ended := r.start(t)
		o := <-r.runs
		if o.Config.Device.Thing != "gw-1" || o.RuntimeDir != "/run/x" || o.StateDir != "/var/lib/x" ||
			o.ConfigFile != r.daemon.options.ConfigFile || o.Log == nil {
			t.Errorf("started with %+v", o)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
}

func TestDaemonReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.linger = 2 * time.Second
		stop, ended := r.start(t)
		<-r.runs
		r.write(t, configText("gw-2"))
		began := time.Now()
		r.reload <- syscall.SIGHUP
		if o := <-r.runs; o.Config.Device.Thing != "gw-2" {
			t.Errorf("started anew as %s", o.Config.Device.Thing)
		}
		if waited := time.Since(began); waited != r.linger {
			t.Errorf("the new agent started %s after the signal, want once the old one has stopped after %s", waited, r.linger)
		}
		stop()
		if err := <-ended; err != nil {
			t.Errorf("stopped with %v", err)
		}
	})
}

func TestDaemonRefusesBadReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		stop, ended := r.start(t)
		<-r.runs
		for _, text := range []string{configText("gw-2") + "log: {level: loud}\nprobes: {}\n", ""} {
			r.write(t, text)
			r.reload <- syscall.SIGHUP
			synctest.Wait()
		}
		if len(r.runs) != 0 {
			t.Error("an agent was started with a bad configuration")
		}
		for _, want := range []string{`"configuration refused, the old one stays" faults=2`, ":5: log.level: ", ":6: probes: unknown key",
			`"configuration refused, the old one stays" faults=1`, ":1: the file holds no settings"} {
			if !strings.Contains(r.log.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, &r.log)
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("the daemon ended with %v", err)
		default:
		}
		stop()
		<-ended
	})
}

func TestDaemonBadConfigAtStart(t *testing.T) {
	r := newRig(t)
	r.write(t, "log: {level: loud}\n")
	err := r.daemon.serve(t.Context(), r.reload)
	if code := exitStatus(err, new(bytes.Buffer)); code != exitUsage || !errors.As(err, new(config.Errors)) {
		t.Errorf("status %d, error %v", code, err)
	}
	if len(r.runs) != 0 {
		t.Error("an agent was started")
	}
}

func TestDaemonAgentFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		_, ended := r.start(t)
		<-r.runs
		want := errors.New("cannot start")
		r.fail <- want
		if err := <-ended; !errors.Is(err, want) {
			t.Errorf("ended with %v", err)
		}
	})
}

// An agent that hangs does not keep the device from rebooting.
func TestDaemonAgentHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.linger = time.Hour
		stop, ended := r.start(t)
		<-r.runs
		began := time.Now()
		stop()
		err := <-ended
		if err == nil || err.Error() != "the agent did not stop within 10s" || time.Since(began) != stopLimit {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		time.Sleep(time.Hour) // lets the agent end, which the bubble waits for
	})
}

func TestDaemonAgentHangsOnReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.linger = time.Hour
		_, ended := r.start(t)
		<-r.runs
		r.reload <- syscall.SIGHUP
		if err := <-ended; err == nil || len(r.runs) != 0 {
			t.Errorf("two agents at once, or no error: %v", err)
		}
		time.Sleep(time.Hour)
	})
}
