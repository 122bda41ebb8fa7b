package modem

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A bus that takes the call and says nothing holds nobody.
func TestMuteBus(t *testing.T) {
	dir, err := os.MkdirTemp("", "mute")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	bus := NewBus("unix:path=" + filepath.Join(dir, "bus"))
	ctx, cancel := context.WithCancel(t.Context())
	done := background(func() error { _, err := bus.present(ctx, mmService); return err })
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	cancel()
	if err := <-done; !errors.Is(err, ErrNoBus) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	// The line was hung up as well: nothing is left behind of the attempt.
	if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = conn.Read(make([]byte, 100))
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is still open")
	}
}

// What an admin has stopped is not started by a question.
func TestNoCallStartsAService(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, "</policy><servicedir>"+dir+"</servicedir><policy context=\"default\">")
	mark := filepath.Join(dir, "started")
	for _, name := range []string{nmService, mmService, systemdService} {
		text := "[D-BUS Service]\nName=" + name + "\nExec=/usr/bin/touch " + mark + "\nUser=root\n"
		if err := os.WriteFile(filepath.Join(dir, name+".service"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	r.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ReloadConfig")
	var names []string
	if err := r.call("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus.ListActivatableNames").Store(&names); err != nil || !slices.Contains(names, mmService) {
		t.Fatalf("the bus could not start them at all: %v, %v", names, err)
	}
	rescue := r.rescue(canal, func(o *Options) { o.Direct, o.Recovery.Reboot = true, true })
	rescue.boot = longBoot
	rescue.Rungs(within(t))
	rescue.Facts(within(t))
	rescue.Permanent(within(t))
	for _, rung := range []string{rungActivate, rungReenable, rungReset, rungModemManager, rungUSB, rungReboot} {
		if err := rescue.Do(within(t), rung); err == nil {
			t.Errorf("%s was done", rung)
		}
	}
	if _, err := os.Stat(mark); !os.IsNotExist(err) || strings.Contains(r.log(), "Activating") {
		t.Errorf("a service was started: %v\n%s", err, r.log())
	}
}

// NetworkManager is upgraded in the middle of an activation: nobody will ever tell
// of its end, and two minutes are not waited for it.
func TestNetworkManagerRestartsMeanwhile(t *testing.T) {
	r := newRig(t)
	r.networkManager("soracom")
	r.slowly()
	rescue := r.rescue(canal)
	ctx, cancel := context.WithTimeout(within(t), activateLimit/2)
	defer cancel()
	done := background(func() error { return rescue.Do(ctx, rungActivate) })
	r.awaitCall(nmService, nmPath, "ActivateConnection", 1)
	r.eventually("question for the activation", func() bool { return strings.Contains(r.log(), "GetAll "+nmA7) })
	stop(r.nm)
	var failed *ActivationError
	if err := <-done; !errors.As(err, &failed) {
		t.Errorf("got %v", err)
	}
	if _, _, _, ok := rescue.Permanent(within(t)); ok {
		t.Error("a restart is taken for a refusal")
	}
}

// A modem that falls off the bus while it is off: the rung fails, and the next one
// finds it where it is then.
func TestModemVanishesInTheMiddle(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", nil)
	path := mmPath + "/Modem/0"
	r.method(mmService, path, mmModem, "SetPowerState", "u", "", "objects['"+mmPath+"'].RemoveObject(self.path)")
	rescue := r.rescue(wwan)
	if err := rescue.Do(within(t), rungReenable); !errors.Is(err, ErrMissing) {
		t.Errorf("got %v", err)
	}
	if got := rescue.Rungs(within(t)); len(got) != 0 {
		t.Errorf("rungs of a modem that is gone: %v", got)
	}
	r.modem("1", nil)
	if err := rescue.Do(within(t), rungReenable); err != nil {
		t.Errorf("under its new path: %v", err)
	}
	if got := r.calls(mmService, mmPath+"/Modem/1", "Enable"); len(got) != 2 {
		t.Errorf("Enable was called with %v", got)
	}
}

// Root replugs without any bus: the kernel knows where the modem is. What a killed
// helper has left is put right first.
func TestReplugWithoutABus(t *testing.T) {
	p := newPi(t)
	stick, other := p.stick("1-1.2", "wwan0"), p.stick("1-1.4", "wwan1")
	run := t.TempDir()
	p.file(soc+"/1-1/1-1.4/authorized", "0\n")
	if err := os.WriteFile(filepath.Join(run, "usb-canal"), []byte(other), 0o600); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		link := wwan
		link.Name = "canal"
		o := Options{Link: link, BusAddress: "unix:path=/nonexistent", RunDir: run, StateDir: run, Direct: true, Log: slog.New(slog.DiscardHandler)}
		o.Recovery.CellularUSB = time.Minute
		rescue := New(o)
		rescue.usb = usbTree{p.root}
		started := time.Now()
		if err := rescue.Recover(t.Context(), rungUSB); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(started); got != unplugged {
			t.Errorf("unplugged for %v", got)
		}
	})
	for _, dir := range []string{stick, other} {
		if got := content(t, dir+"/authorized"); got != "1\n" {
			t.Errorf("%s: authorized %q", filepath.Base(dir), got)
		}
	}
}
