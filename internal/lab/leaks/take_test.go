package leaks

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
)

// TestTakeNoticesEveryKind leaves one thing of each kind on a device and wants
// each noticed, and the quiet device to be without a leak.
func TestTakeNoticesEveryKind(t *testing.T) {
	if why := lab.Unavailable(); why != "" {
		t.Skip(why)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Start(ctx, lab.Options{})
	must(t, err)
	t.Cleanup(func() { l.Close() })
	bin, err := lab.Program(ctx, t.TempDir())
	must(t, err)
	a, err := l.StartAgent(bin)
	must(t, err)
	must(t, a.WaitOK(ctx))
	before := census(t, l, a)
	if before.PID != a.PID() || before.FDs() < 10 || before.Goroutines < 10 || before.Resident < 1<<20 {
		t.Errorf("daemon %d with %d descriptors, %d goroutines and %d bytes", before.PID, before.FDs(), before.Goroutines, before.Resident)
	}
	if got := before.Diff(census(t, l, a)); len(got) > 0 {
		t.Errorf("nothing has happened, and these leak: %q", got)
	}
	leave(t, ctx, l)
	got := before.Diff(census(t, l, a))
	for _, want := range []string{
		"descriptor socket", "goroutine of the daemon", "process sleep", "interface left0", "address left0 inet 192.0.2.9/32",
		"route 192.0.2.1 dev lo", "routing rule 32765: from 192.0.2.2", "nftables line table inet left",
		"file run/left", "file state/deep/", "file size state", "file of /etc left -> nowhere",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("%s is not noticed in:\n%s", want, strings.Join(got, "\n"))
		}
	}
}

// leave leaves something of each kind. A client that connects and says nothing is
// what costs the daemon a descriptor and a goroutine.
func leave(t *testing.T, ctx context.Context, l *lab.Lab) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(l.RuntimeDir(), "control.sock"))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	// The daemon waits five seconds for a request, then ten for the rest of it.
	if _, err := conn.Write([]byte("POST /v1/links/restart HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	sleep := l.Device.Command(ctx, "sleep", "600")
	must(t, l.Device.Start(sleep))
	t.Cleanup(func() { _ = sleep.Process.Kill(); _ = sleep.Wait() })
	for _, line := range []string{
		"ip tuntap add left0 mode tap", "ip addr add 192.0.2.9/32 dev left0", "ip route add 192.0.2.1 dev lo table 7",
		"ip rule add from 192.0.2.2 lookup 7", "nft add table inet left",
		"touch " + filepath.Join(l.RuntimeDir(), "left"), "mkdir " + filepath.Join(l.StateDir(), "deep"),
		"truncate -s 1M " + filepath.Join(l.StateDir(), "deep", "log"), "ln -s nowhere /etc/left",
	} {
		argv := strings.Fields(line)
		if _, err := l.Device.Run(ctx, argv[0], argv[1:]...); err != nil {
			t.Fatal(err)
		}
	}
}

func census(t *testing.T, l *lab.Lab, a *lab.Agent) Census {
	t.Helper()
	c, err := Take(t.Context(), l, a)
	must(t, err)
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
