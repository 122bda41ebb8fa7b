package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"edgeagent/internal/lab/pki"
	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/localproxy"
)

const tunnelingName = "data.tunneling.iot.test-1.amazonaws.com"

// proxyWorld is a fake service and the real program to connect to it.
type proxyWorld struct {
	service       *tunneling.Service
	binary, roots string
	port          string
}

func newProxyWorld(t *testing.T) *proxyWorld {
	t.Helper()
	dir := t.TempDir()
	w := &proxyWorld{binary: filepath.Join(dir, "edgeagent")}
	build := exec.CommandContext(t.Context(), "go", "build", "-o", w.binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ca, err := pki.NewCA("test")
	if err != nil {
		t.Fatal(err)
	}
	if w.roots, err = ca.WriteCert(dir, "ca"); err != nil {
		t.Fatal(err)
	}
	pair, err := ca.Server(tunnelingName)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := pair.TLS()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, w.port, _ = net.SplitHostPort(l.Addr().String())
	w.service = tunneling.NewService(tunneling.Options{Certificate: certificate})
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- w.service.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return w
}

// proxyChild is the program at work, as the agent starts it.
type proxyChild struct {
	cmd    *exec.Cmd
	out    bytes.Buffer // of both streams; to be read after the end
	parent *os.File     // the reading end of its events
	lines  *bufio.Scanner
}

func (w *proxyWorld) start(t *testing.T, token string, args ...string) *proxyChild {
	t.Helper()
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writing.Close()
	stray, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer stray.Close()
	c := &proxyChild{parent: reading, lines: bufio.NewScanner(reading)}
	c.cmd = exec.CommandContext(t.Context(), w.binary, append([]string{"localproxy", "-e", tunnelingName + ":" + w.port,
		"--endpoint-address", "127.0.0.1", "-c", w.roots, "-d", "SSH=127.0.0.1:9"}, args...)...)
	c.cmd.Env = append(os.Environ(), envAccessToken+"="+token, localproxy.EventsEnv+"=3")
	c.cmd.ExtraFiles = []*os.File{writing, stray, stray}
	c.cmd.Stdout, c.cmd.Stderr = &c.out, &c.out
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.cmd.Process.Kill()
		c.cmd.Wait()
		reading.Close()
	})
	return c
}

// until returns the next event of a kind.
func (c *proxyChild) until(t *testing.T, kind string) localproxy.Event {
	t.Helper()
	if err := c.parent.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for c.lines.Scan() {
		var e localproxy.Event
		if err := json.Unmarshal(c.lines.Bytes(), &e); err != nil {
			t.Fatalf("%q: %v", c.lines.Text(), err)
		}
		if e.Event == kind {
			return e
		}
	}
	t.Fatalf("no event %q: %v", kind, c.lines.Err())
	return localproxy.Event{}
}

func (c *proxyChild) wantStatus(t *testing.T, want int) {
	t.Helper()
	err := c.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := c.cmd.ProcessState.ExitCode(); got != want {
		t.Errorf("status %d, want %d\n%s", got, want, c.out.String())
	}
}

func TestLocalproxyChild(t *testing.T) {
	w := newProxyWorld(t)
	t.Run("keeps nothing it does not need", func(t *testing.T) {
		tun := w.service.Open("SSH")
		c := w.start(t, tun.DestinationToken)
		c.until(t, localproxy.EventServices)
		checkHardened(t, c.cmd.Process.Pid, tun.DestinationToken)
		if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		e := c.until(t, localproxy.EventClosed)
		if e.Code == nil || *e.Code != 0 || e.Reason != "asked to stop" {
			t.Errorf("last event %+v", e)
		}
		c.wantStatus(t, 0)
		if out := c.out.String(); out == "" || strings.Contains(out, tun.DestinationToken) {
			t.Errorf("its output is empty or tells the token: %q", out)
		}
	})
	t.Run("ends with the parent that reads its events", func(t *testing.T) {
		c := w.start(t, w.service.Open("SSH").DestinationToken)
		c.until(t, localproxy.EventServices)
		c.parent.Close()
		c.wantStatus(t, 0)
	})
	t.Run("tells a refused token by its status", func(t *testing.T) {
		c := w.start(t, w.service.Open("SSH").SourceToken)
		if e := c.until(t, localproxy.EventClosed); e.Code == nil || *e.Code != localproxy.ExitDenied {
			t.Errorf("last event %+v", e)
		}
		c.wantStatus(t, localproxy.ExitDenied)
	})
	t.Run("tells a closed tunnel by its status", func(t *testing.T) {
		tun := w.service.Open("SSH")
		c := w.start(t, tun.DestinationToken)
		c.until(t, localproxy.EventServices)
		if err := w.service.Close(tun.ID); err != nil {
			t.Fatal(err)
		}
		c.wantStatus(t, 0)
	})
	t.Run("tells wrong options by its status", func(t *testing.T) {
		w.start(t, "token", "--mode", "source").wantStatus(t, localproxy.ExitUsage)
	})
	t.Run("ends with its lifetime", func(t *testing.T) {
		w.start(t, w.service.Open("SSH").DestinationToken, "--max-lifetime", "1ms").wantStatus(t, localproxy.ExitLifetime)
	})
}

// checkHardened looks at the process from outside, as root may.
func checkHardened(t *testing.T, pid int, token string) {
	t.Helper()
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	if status := procStatus(t, proc); status["NoNewPrivs"] != "1" || strings.Trim(status["CapPrm"]+status["CapEff"]+status["CapAmb"], "0") != "" {
		t.Errorf("status %v", status)
	}
	for _, name := range []string{"environ", "cmdline"} {
		text, err := os.ReadFile(filepath.Join(proc, name))
		if errors.Is(err, os.ErrPermission) {
			continue // hidden from this user altogether
		}
		if err != nil || bytes.Contains(text, []byte(token)) {
			t.Errorf("%s is unreadable (%v) or tells the token", name, err)
		}
	}
	entries, err := os.ReadDir(filepath.Join(proc, "fd"))
	if err != nil {
		return // hidden from this user altogether
	}
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(proc, "fd", e.Name()))
		fd, _ := strconv.Atoi(e.Name())
		if err == nil && fd > 2 && target == os.DevNull {
			t.Errorf("an inherited file is open as %d", fd)
		}
	}
}

func procStatus(t *testing.T, proc string) map[string]string {
	t.Helper()
	f, err := os.Open(filepath.Join(proc, "status"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		t.Fatal(err)
	}
	status := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, ":")
		status[key] = strings.TrimSpace(value)
	}
	return status
}
