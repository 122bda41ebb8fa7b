package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"edgeagent/internal/agent"
	"edgeagent/internal/control"
	"edgeagent/internal/history"
	"edgeagent/internal/lab/pki"
	"edgeagent/internal/status"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"edgeagent": func() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) },
		// The program with an agent that only says what it is asked to do.
		"fakeagent": func() { os.Exit(execute(newRootCommand(fakeAgent), os.Args[1:], os.Stdout, os.Stderr)) },
		// The control API of an agent in a state: fakedaemon DIR STATE.
		"fakedaemon": func() {
			if err := fakeDaemon(os.Args[1], os.Args[2]); err != nil {
				fmt.Fprintln(os.Stderr, err)
				os.Exit(1)
			}
		},
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TERM", "xterm")
			e.Setenv("GORACE", "atexit_sleep_ms=0") // or each command costs a second
			if err := os.MkdirAll(filepath.Join(e.WorkDir, "run"), 0o755); err != nil {
				return err
			}
			return fillConfigs(e.WorkDir)
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"await":    awaitFile,
			"stale":    staleSocket,
			"jsonpath": jsonPath,
		},
	})
}

// fillConfigs makes the files that configurations name, and writes their
// directory wherever a configuration of the script has PKI.
func fillConfigs(dir string) error {
	pki := filepath.Join(dir, "pki")
	if err := os.Mkdir(pki, 0o755); err != nil {
		return err
	}
	if err := writeFiles(pki); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil {
		return err
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if err := os.WriteFile(file, bytes.ReplaceAll(text, []byte("PKI"), []byte(pki)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// writeFiles makes what a device gets from AWS.
func writeFiles(dir string) error {
	ca, err := pki.NewCA("a CA")
	if err != nil {
		return err
	}
	device, err := ca.Client("gw-042")
	if err != nil {
		return err
	}
	inline := fmt.Sprintf("<ca>\n%s</ca>\n<cert>\n%s</cert>\n<key>\n%s</key>\n", ca.CertPEM(), device.CertPEM, device.KeyPEM)
	for name, content := range map[string][]byte{
		"ca.pem": ca.CertPEM(), "cert.pem": device.CertPEM, "key.pem": device.KeyPEM,
		"client.ovpn": []byte("client\nremote vpn.example 443\n" + inline),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// patience bounds what a test waits for; it decides nothing.
const patience = 30 * time.Second

// awaitFile waits for a file, and for a pattern in it: await FILE [REGEXP].
func awaitFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: await FILE [REGEXP]")
	}
	pattern := regexp.MustCompile("(?s)" + append(args, "")[1])
	for end := time.Now().Add(patience); ; {
		data, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && pattern.Match(data) || err != nil && !errors.Is(err, fs.ErrNotExist) && len(args) == 1 {
			return // a socket cannot be read, but it is there
		}
		if time.Now().After(end) {
			ts.Fatalf("%s: no %q after %s: %s %v", args[0], pattern, patience, data, err)
		}
		<-time.After(5 * time.Millisecond)
	}
}

// staleSocket leaves the socket of a killed daemon behind: stale PATH.
func staleSocket(ts *testscript.TestScript, neg bool, args []string) {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: ts.MkAbs(args[0]), Net: "unix"})
	ts.Check(err)
	l.SetUnlinkOnClose(false)
	ts.Check(l.Close())
}

// jsonPath checks values in the last output: jsonpath KEY.KEY... VALUE, with
// VALUE as JSON.
func jsonPath(ts *testscript.TestScript, neg bool, args []string) {
	var v any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &v))
	for _, key := range regexp.MustCompile(`[^.]+`).FindAllString(args[0], -1) {
		switch w := v.(type) {
		case map[string]any:
			v = w[key]
		case []any:
			var i int
			fmt.Sscan(key, &i)
			v = w[i]
		default:
			ts.Fatalf("%s: nothing at %q", args[0], key)
		}
	}
	got, err := json.Marshal(v)
	ts.Check(err)
	if (string(got) == args[1]) == neg {
		ts.Fatalf("%s is %s", args[0], got)
	}
}

// fakeAgent prints how it is started and stopped.
func fakeAgent(ctx context.Context, o agent.Options) (*agent.Handover, error) {
	o.Log.Info("agent started", "device", o.Config.Device.Thing, "runtime", o.RuntimeDir, "state", o.StateDir,
		"processors", runtime.GOMAXPROCS(0))
	if o.Config.Device.Thing == "broken" {
		return nil, errors.New("the agent cannot start")
	}
	<-ctx.Done()
	o.Log.Info("agent stopped", "device", o.Config.Device.Thing)
	return &agent.Handover{}, nil
}

// fakeDaemon serves the control API in dir until it is told to stop.
func fakeDaemon(dir, state string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := control.Listen(filepath.Join(dir, agent.SocketName))
	if err != nil {
		return err
	}
	b := &fakeBackend{state: state}
	return control.NewServer(b, slog.New(slog.DiscardHandler)).Serve(ctx, l)
}

// fakeBackend is an agent whose state is given: ok, degraded, down, or turning,
// which is ok at first and down from the third look on.
type fakeBackend struct {
	state string
	looks atomic.Int32
}

func (b *fakeBackend) Snapshot() status.Snapshot {
	now := time.Now()
	state := status.State(b.state)
	if b.state == "turning" {
		state = status.OK
		if b.looks.Add(1) > 2 {
			state = status.Down
		}
	}
	board := status.NewBoard("gw-042", "0.1.0", "link", "tunnel")
	updates := map[status.State]status.Update{
		status.OK:       {Reason: status.ReasonConnected, Detail: "vpn (openvpn) on tun0", Facts: status.Facts{"device": "tun0"}},
		status.Degraded: {Reason: status.ReasonNoAnswer, Detail: "in doubt"},
		status.Down:     {Reason: status.ReasonNoAnswer, Detail: "vpn (openvpn): nothing from 203.0.113.10:443"},
	}
	u := updates[state]
	u.State = state
	board.Set("link", u)
	if state == status.OK {
		board.Set("tunnel", status.Update{State: status.OK, Reason: status.ReasonIdle, Detail: "idle"})
	}
	s := board.Snapshot()
	s.Now = now
	return s
}

// History is one that has just begun.
func (b *fakeBackend) History() history.History {
	board := status.NewBoard("gw-042", "0.1.0", "link", "dns", "endpoint", "broker", "tunnel")
	return history.NewRecorder(board).History()
}

func (b *fakeBackend) Links() []control.LinkInfo {
	if b.state == "bare" {
		return []control.LinkInfo{}
	}
	return []control.LinkInfo{
		{Name: "vpn", Type: "openvpn", State: status.Down, Reason: status.ReasonNoAnswer, Detail: "nothing since 08:30"},
		{Name: "canal", Type: "interface", State: status.OK, Reason: status.ReasonConnected, Device: "ppp0",
			Detail: "canal (interface) on ppp0, 10.64.1.2", AgentBytesDay: 142_000, Active: b.state == "ok"},
	}
}

func (b *fakeBackend) RestartLink(_ context.Context, name string) error {
	if name != "vpn" && name != "canal" {
		return fmt.Errorf("link %q: %w", name, control.ErrNotFound)
	}
	return nil
}

func (b *fakeBackend) Tunnels() []control.TunnelInfo {
	if b.state == "bare" {
		return []control.TunnelInfo{}
	}
	return []control.TunnelInfo{{
		ID: "5f1c-77", Services: []string{"SSH", "VNC"}, Since: time.Now().Add(-4 * time.Minute),
		BytesIn: 12345, BytesOut: 678, State: "open",
	}}
}

func (b *fakeBackend) CloseTunnel(_ context.Context, id string) error {
	if id != "5f1c-77" {
		return fmt.Errorf("tunnel %q: %w", id, control.ErrNotFound)
	}
	return nil
}
