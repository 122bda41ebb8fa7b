package lab

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// newerVersion is what the program says that takes over.
const newerVersion = "9.9.9-newer"

// upgradeRig is a device whose program's file can be replaced.
type upgradeRig struct {
	*Lab
	*Agent
	bin, newer string // the file that runs, and what is to take its place
}

// startUpgradable starts the program from a file of its own.
func startUpgradable(t *testing.T, opts Options) *upgradeRig {
	t.Helper()
	u := prepareUpgradable(t, opts)
	var err error
	u.Agent, err = u.Lab.StartAgent(u.bin)
	must(t, err)
	waitOK(t, u.Agent)
	return u
}

// prepareUpgradable has the files ready, and nothing started.
func prepareUpgradable(t *testing.T, opts Options) *upgradeRig {
	t.Helper()
	l := start(t, opts)
	dir := t.TempDir()
	u := &upgradeRig{Lab: l, bin: filepath.Join(dir, "edgeagent"), newer: filepath.Join(dir, "newer")}
	copyFile(t, os.Getenv(BinEnv), u.bin)
	must(t, Build(t.Context(), u.newer, "-X main.version="+newerVersion))
	return u
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, data, 0o755))
}

// install puts a file in the program's place as dpkg does: by rename.
func (u *upgradeRig) install(t *testing.T, file string) {
	t.Helper()
	draft := u.bin + ".dpkg-new"
	copyFile(t, file, draft)
	must(t, os.Rename(draft, u.bin))
}

// hup sends SIGHUP and returns when.
func (u *upgradeRig) hup() time.Time {
	u.Signal(syscall.SIGHUP)
	return time.Now()
}

// carried is what an upgrade must leave as it is.
type carried struct{ openvpn, ifindex, proxies string }

func (u *upgradeRig) carried(t *testing.T) carried {
	t.Helper()
	pids, err := u.Device.Processes("openvpn")
	must(t, err)
	index, err := u.Device.Run(t.Context(), "cat", "/sys/class/net/tun0/ifindex")
	must(t, err)
	return carried{fmt.Sprint(pids), index, fmt.Sprint(proxies(t, u.Agent))}
}

// watchControl asks for the status all the time until the returned function is
// called, which returns the longest answer and how many there were none.
func (u *upgradeRig) watchControl(t *testing.T) (stop func() (longest time.Duration, failed int)) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var longest time.Duration
	failed := 0
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			began := time.Now()
			if _, err := u.Peek(context.WithoutCancel(ctx)); err != nil {
				t.Logf("status: %v", err)
				failed++
			}
			longest = max(longest, time.Since(began))
		}
	}()
	return func() (time.Duration, int) { cancel(); <-done; return longest, failed }
}

// waitVersion waits until the program of that version has all stages ok.
func (u *upgradeRig) waitVersion(t *testing.T, version string) {
	t.Helper()
	err := Poll(within(t, agentTimeout), statusEvery, func() error {
		s, err := u.Peek(t.Context())
		if err == nil && (s.Version != version || s.State != status.OK) {
			err = fmt.Errorf("version %s is %s", s.Version, s.State)
		}
		return err
	})
	if err != nil {
		t.Fatalf("waiting for version %s to be ok: %v\n%s", version, err, u.logText(t))
	}
}

// logText is the agent's log.
func (u *upgradeRig) logText(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(u.Log)
	must(t, err)
	return string(data)
}

// flow sends bytes to the flipper without end, until the returned function is
// called, which checks that all of them came back right and returns their number.
func flow(t *testing.T, conn net.Conn) (stop func() int) {
	t.Helper()
	sent, back := sha256.New(), &counted{Hash: sha256.New()}
	stopping, ended := make(chan struct{}), make(chan struct{})
	quit, total, done := stopping, make(chan int, 1), make(chan error, 1)
	go func() {
		block := bytes.Repeat([]byte("0123456789abcdef"), 512)
		for n := 1; ; n++ {
			block[n%len(block)]++
			select {
			case <-quit: // told before the last block, so that one comes after it
				quit = nil
				total <- n * len(block)
			default:
			}
			if _, err := conn.Write(block); err != nil {
				return // the receiver says why
			}
			sent.Write(block)
			if quit == nil {
				close(ended)
				return
			}
		}
	}()
	go func() { done <- flipBack(conn, back, total) }()
	return func() int {
		t.Helper()
		close(stopping)
		if err := <-done; err != nil {
			t.Fatalf("the stream broke: %v", err)
		}
		<-ended
		if !bytes.Equal(sent.Sum(nil), back.Sum(nil)) {
			t.Error("the stream came back changed")
		}
		return back.n
	}
}

// counted is a hash that knows how much it has taken.
type counted struct {
	hash.Hash
	n int
}

// flipBack flips what comes back into h until as much has come as total says.
func flipBack(conn net.Conn, h *counted, total <-chan int) error {
	buf := make([]byte, 32<<10)
	for want := -1; h.n != want; {
		select {
		case want = <-total:
			continue
		default:
		}
		_ = conn.SetReadDeadline(time.Now().Add(testTimeout))
		n, err := conn.Read(buf)
		flip(buf[:n])
		h.Write(buf[:n])
		h.n += n
		if err != nil {
			return fmt.Errorf("after %d bytes: %w", h.n, err)
		}
	}
	return nil
}

// TestUpgradeKeepsTunnelsAndVPN has another binary take over while data flows
// through two tunnels.
func TestUpgradeKeepsTunnelsAndVPN(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{Config: bothServices(nil)})
	serveVNC(t, u.Lab, flipper)
	sshTunnel, vnc := open(t, u.Lab, "SSH"), open(t, u.Lab, "VNC")
	session := openSSH(t, sshTunnel)
	endFlow := flow(t, dial(t, vnc, "VNC"))
	before, connects := u.carried(t), brokerLog(t, u.Lab, "as "+Thing)
	listed := list(t, u.Lab)

	u.install(t, u.newer)
	endControl := u.watchControl(t)
	began := u.hup()
	u.waitVersion(t, newerVersion)
	took := time.Since(began)
	longest, failed := endControl()
	t.Logf("SIGHUP to all ok in the new program: %s; longest answer of the control API: %s", took.Round(time.Millisecond), longest.Round(time.Millisecond))
	if failed > 0 {
		t.Errorf("the control API failed %d times", failed)
	}
	session.say(t, "still here after the upgrade")
	t.Logf("%d bytes went through and back", endFlow())
	if after := u.carried(t); after != before {
		t.Errorf("it was %+v, is %+v", before, after)
	}
	if n := brokerLog(t, u.Lab, "as "+Thing) - connects; n != 1 {
		t.Errorf("%d connections to the broker, want one", n)
	}
	u.stillManaged(t, listed, sshTunnel, vnc)
	clean(t, u.Lab, "upgrading")
}

// stillManaged checks that tunnels which were taken over are listed as they
// were, counted, rotated, closed and reaped.
func (u *upgradeRig) stillManaged(t *testing.T, before []listed, sshTunnel, vnc *Tunnel) {
	t.Helper()
	for i, now := range list(t, u.Lab) {
		if b := before[i]; now.ID != b.ID || now.State != "open" || now.BytesIn < b.BytesIn {
			t.Errorf("tunnel %+v is now %+v", b, now)
		}
	}
	next, err := vnc.Rotate(within(t, testTimeout), false)
	must(t, err)
	waitList(t, u.Lab, "two, one of them new", func(list []listed) bool {
		return len(list) == 2 && !slices.ContainsFunc(list, func(o listed) bool { return o.ID == before[1].ID || o.State != "open" })
	})
	flipped(t, dial(t, next, "VNC"), []byte("after the rotation"))
	edgeagent(t, u.Lab, 0, "tunnel", "close", before[0].ID)
	waitList(t, u.Lab, "one", func(list []listed) bool { return len(list) == 1 })
	waitIdle(t, u.Agent, sshTunnel, next)
}

// TestUpgradeRefusesABadProgram leaves everything as it is.
func TestUpgradeRefusesABadProgram(t *testing.T) {
	t.Parallel()
	u := startUpgradable(t, Options{})
	before, s := u.carried(t), snapshotBy(t, u)
	broken := filepath.Join(t.TempDir(), "broken")
	must(t, os.WriteFile(broken, []byte("#!/bin/sh\necho no such luck\nexit 3\n"), 0o755))
	u.install(t, broken)
	u.hup()
	err := Poll(within(t, testTimeout), statusEvery, func() error {
		s, err := u.Peek(t.Context())
		if err == nil && !strings.Contains(s.Warning, "no such luck") {
			err = fmt.Errorf("the warning is %q", s.Warning)
		}
		return err
	})
	must(t, err)
	if after, now := u.carried(t), snapshotBy(t, u); after != before || now.Started != s.Started || now.State != status.OK {
		t.Errorf("it was %+v since %v, is %+v since %v: %s", before, s.Started, after, now.Started, now.State)
	}
	u.install(t, u.newer)
	u.hup()
	u.waitVersion(t, newerVersion)
	if s := snapshotBy(t, u); s.Warning != "" {
		t.Errorf("the warning stays: %s", s.Warning)
	}
}

// snapshotBy asks the socket: the program's file may be broken.
func snapshotBy(t *testing.T, u *upgradeRig) status.Snapshot {
	t.Helper()
	s, err := u.Peek(t.Context())
	must(t, err)
	return s
}
