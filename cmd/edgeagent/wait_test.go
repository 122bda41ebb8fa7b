package main

import (
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/agent"
	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// fakeStandby keeps what was shown. There are no changes but those that a test
// makes.
type fakeStandby struct {
	device  string
	updates []status.Update
	stopped bool
	changes chan struct{}
}

func (s *fakeStandby) Watch([]string)           {}
func (s *fakeStandby) Changes() <-chan struct{} { return s.changes }

func (s *fakeStandby) Show(u status.Update) { s.updates = append(s.updates, u) }
func (s *fakeStandby) Stop()                { s.stopped = true }

func (s *fakeStandby) last() status.Update { return s.updates[len(s.updates)-1] }

// waiting makes r a daemon that waits for its configuration.
func (r *rig) waiting() *fakeStandby {
	s := &fakeStandby{changes: make(chan struct{}, 1)}
	r.daemon.wait = true
	r.daemon.standBy = func(_ agent.Options, device string, first status.Update) (standby, error) {
		s.device = device
		s.Show(first)
		return s, nil
	}
	return s
}

// unfilled is configText with nothing filled in.
func unfilled() string {
	return strings.NewReplacer("gw-1", `""`, "ap-northeast-1}", `""}`, "a.iot.ap-northeast-1.amazonaws.com", `""`).Replace(configText("gw-1"))
}

// Without events there is SIGHUP, and a look each minute.
func TestWaitForConfig(t *testing.T) {
	for _, how := range []string{"SIGHUP", "a minute"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				shown := r.waiting()
				r.write(t, unfilled())
				stop, ended := r.start(t)
				synctest.Wait()
				if u := shown.last(); u.State != status.Waiting || u.Reason != status.ReasonNotConfigured ||
					u.Detail != "fill in device.thing, device.region, endpoint.host in "+r.daemon.options.ConfigFile {
					t.Errorf("shown: %+v", u)
				}
				r.write(t, configText("gw-2"))
				began := time.Now()
				if how == "SIGHUP" {
					r.reload <- syscall.SIGHUP
				}
				if o := <-r.runs; o.Config.Device.Thing != "gw-2" || !shown.stopped {
					t.Errorf("started %s; standby stopped: %v", o.Config.Device.Thing, shown.stopped)
				}
				if took := time.Since(began); how == "SIGHUP" && took != 0 || took > lookAgain {
					t.Errorf("after %s", took)
				}
				stop()
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// sharedLog is read while the daemon writes it.
type sharedLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *sharedLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *sharedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// A half-written file is no news: nothing is said until it has been left alone,
// and the same faults are said once.
func TestWaitIsQuiet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		shown := r.waiting()
		var log sharedLog
		r.daemon.newLog = func(config.Log) *slog.Logger { return slog.New(slog.NewTextHandler(&log, nil)) }
		r.write(t, unfilled())
		stop, ended := r.start(t)
		synctest.Wait()
		lines := func() int { return strings.Count(log.String(), "no configuration to run with") }
		for _, text := range []string{"dev", "device: {thing: gw-1", "device: {thing: gw-1, reg", ""} {
			r.write(t, text)
			shown.changes <- struct{}{}
			time.Sleep(settle / 2)
			synctest.Wait()
		}
		if lines() != 1 {
			t.Errorf("said while it is being written:\n%s", &log)
		}
		time.Sleep(3 * lookAgain)
		synctest.Wait()
		if lines() != 2 || strings.Count(log.String(), "the file holds no settings") != 1 {
			t.Errorf("want the empty file once:\n%s", &log)
		}
		stop()
		if err := <-ended; err != nil || len(r.runs) != 0 {
			t.Errorf("ended with %v, %d starts", err, len(r.runs))
		}
	})
}

// An upgrade of a device that is not configured yet needs no handover: the
// daemon ends, and systemd starts the new program.
func TestWaitEndsForANewProgram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		shown := r.waiting()
		r.write(t, unfilled())
		program := filepath.Join(t.TempDir(), "edgeagent")
		if err := os.WriteFile(program, []byte("old"), 0o755); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(program)
		if err != nil {
			t.Fatal(err)
		}
		r.daemon.image = image{program, info}
		_, ended := r.start(t)
		r.reload <- syscall.SIGHUP
		synctest.Wait()
		if len(ended) > 0 || shown.stopped {
			t.Fatal("it has ended although the program is the same")
		}
		if err := os.WriteFile(program, []byte("newer"), 0o755); err != nil {
			t.Fatal(err)
		}
		r.reload <- syscall.SIGHUP
		if err := <-ended; err != nil || !shown.stopped || len(r.runs) > 0 {
			t.Errorf("ended with %v, standby stopped %v, %d runs", err, shown.stopped, len(r.runs))
		}
	})
}

// What a person is told: a wrong value is no mere gap, and each thing to type
// comes once.
func TestWhatIsWrong(t *testing.T) {
	const file = "/etc/edgeagent/edgeagent.yaml"
	key := config.Fault{File: file, Line: 9, Key: "mqtt.key", Kind: config.MissingFile, Message: "/k does not exist; accepted: x; y",
		Commands: []string{"sudo install FILE /k"}}
	thing := config.Fault{File: file, Line: 3, Key: "device.thing", Kind: config.Unfilled, Message: "empty"}
	loud := config.Fault{File: file, Line: 12, Key: "log.level", Kind: config.BadValue, Message: "loud"}
	inside := config.Fault{File: "/a.ovpn", Line: 2, Kind: config.KeyMismatch, Message: "key: does not belong"}
	tests := []struct {
		name     string
		faults   config.Errors
		want     status.Update
		commands string
	}{
		{"no file", config.Errors{{File: file, Kind: config.MissingFile, Message: "does not exist", Commands: []string{"sudo install X Y"}}},
			status.Update{State: status.Waiting, Reason: status.ReasonNotConfigured, Detail: "there is no " + file, Notes: []string{"does not exist"}}, "sudo install X Y"},
		{"gaps", config.Errors{thing, key}, status.Update{State: status.Waiting, Reason: status.ReasonNotConfigured,
			Detail: "fill in device.thing in " + file + "; put 1 missing file in place",
			Notes:  []string{"line 3: device.thing: empty", "line 9: mqtt.key: /k does not exist; accepted: x; y"}},
			"sudoedit " + file + "; sudo install FILE /k"},
		{"one fault", config.Errors{loud}, status.Update{State: status.Down, Reason: status.ReasonBadConfig, Detail: file + ":12: log.level: loud"}, "sudoedit " + file},
		{"several", config.Errors{key, loud, loud, inside}, status.Update{State: status.Down, Reason: status.ReasonBadConfig,
			Detail: "4 faults in " + file + " and the files it names",
			Notes:  []string{"line 9: mqtt.key: /k does not exist; accepted: x; y", "line 12: log.level: loud", "line 12: log.level: loud", "/a.ovpn: line 2: key: does not belong"}},
			"sudoedit " + file + "; sudoedit /a.ovpn; sudo install FILE /k"},
		{"empty file", config.Errors{{File: file, Line: 1, Kind: config.Unfilled, Message: "the file holds no settings"}},
			status.Update{State: status.Waiting, Reason: status.ReasonNotConfigured, Detail: file + " is empty", Notes: []string{"line 1: the file holds no settings"}}, "sudoedit " + file},
	}
	for _, tt := range tests {
		got := whatIsWrong(file, tt.faults)
		if commands := strings.Join(got.Commands, "; "); commands != tt.commands {
			t.Errorf("%s: commands %q, want %q", tt.name, commands, tt.commands)
		}
		if got.State != tt.want.State || got.Reason != tt.want.Reason || got.Detail != tt.want.Detail || strings.Join(got.Notes, "\n") != strings.Join(tt.want.Notes, "\n") {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}

// event waits for a change that fileWatch tells of.
func event(t *testing.T, w *fileWatch, what string) {
	t.Helper()
	select {
	case <-w.Changes():
	case <-time.After(patience):
		t.Fatalf("%s: no event", what)
	}
}

// The real thing: a file in directories that do not exist yet, a rename over a
// file, a mode, what a symbolic link leads to; and nothing for a neighbour.
func TestFileWatch(t *testing.T) {
	dir := t.TempDir()
	elsewhere := t.TempDir()
	file, link := filepath.Join(dir, "a", "b", "key.pem"), filepath.Join(dir, "link.yaml")
	do := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	do(os.WriteFile(filepath.Join(elsewhere, "real.yaml"), nil, 0o600))
	do(os.Symlink(filepath.Join(elsewhere, "real.yaml"), link))
	w := watchFiles(slog.New(slog.DiscardHandler))
	defer w.Close()
	steps := []struct {
		what string
		do   func() error
	}{
		{"a directory on the way", func() error { return os.Mkdir(filepath.Join(dir, "a"), 0o755) }},
		{"the next one", func() error { return os.Mkdir(filepath.Join(dir, "a", "b"), 0o755) }},
		{"the file", func() error { return os.WriteFile(file, []byte("x"), 0o600) }},
		{"its mode", func() error { return os.Chmod(file, 0o640) }},
		{"another in its place", func() error {
			if err := os.WriteFile(file+".new", []byte("y"), 0o600); err != nil {
				return err
			}
			return os.Rename(file+".new", file)
		}},
		{"what a link leads to", func() error { return os.WriteFile(filepath.Join(elsewhere, "real.yaml"), []byte("z"), 0o600) }},
		{"its removal", func() error { return os.Remove(file) }},
	}
	for _, step := range steps {
		w.Watch([]string{file, link})
		for len(w.Changes()) > 0 { // of the step before: several events
			<-w.Changes()
		}
		do(step.do())
		event(t, w, step.what)
	}
}

// inotifyEvent is an event as the kernel writes it.
func inotifyEvent(wd int32, name string) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(wd))
	b = binary.NativeEndian.AppendUint32(b, 0) // mask
	b = binary.NativeEndian.AppendUint32(b, 0) // cookie
	padded := append([]byte(name), make([]byte, 16-len(name)%16)...)
	if name == "" {
		padded = nil
	}
	return append(binary.NativeEndian.AppendUint32(b, uint32(len(padded))), padded...)
}

// What happens to a neighbour, as to an editor's own files, concerns nobody.
func TestFileWatchConcerns(t *testing.T) {
	w := &fileWatch{names: map[int32]map[string]bool{1: {"edgeagent.yaml": true}}}
	ours, swap, elsewhere := inotifyEvent(1, "edgeagent.yaml"), inotifyEvent(1, ".edgeagent.yaml.swp"), inotifyEvent(2, "edgeagent.yaml")
	tests := []struct {
		name string
		buf  []byte
		want bool
	}{
		{"ours", ours, true},
		{"after others", slices.Concat(swap, elsewhere, ours), true},
		{"neighbours only", slices.Concat(swap, elsewhere, swap), false},
		{"the directory itself, or an overflow", inotifyEvent(-1, ""), true},
		{"cut off", ours[:len(ours)-1], true},
		{"nothing", nil, false},
	}
	for _, tt := range tests {
		if got := w.concerns(tt.buf); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}
