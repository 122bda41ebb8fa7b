package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// agentTimeout bounds the waits for what takes OpenVPN's own timers to happen:
// 20 s of ping-restart and a try or two after it.
const agentTimeout = 90 * time.Second

// brokerTimeout bounds the wait for a line of the broker's log; a packet that
// was lost for good never makes one.
const brokerTimeout = 5 * time.Second

// impatient is a config with which a test need not wait for long.
var impatient = map[string]string{
	"probe.interval": "2s", "probe.suspect_interval": "1s", "probe.timeout": "500ms",
}

func TestMain(m *testing.M) {
	if os.Getenv(helperEnv) != "" {
		os.Exit(runHelper())
	}
	os.Exit(withBinary(m.Run))
}

// withBinary builds the program once for all tests, if they can run at all.
func withBinary(run func() int) int {
	if os.Getenv(BinEnv) != "" || Unavailable() != "" {
		return run()
	}
	dir, err := os.MkdirTemp("", "edgeagent-bin-*")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	bin, err := Program(context.Background(), dir)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	os.Setenv(BinEnv, bin)
	return run()
}

// startAgent starts the program on the lab's device. It is killed with the lab.
func startAgent(t *testing.T, l *Lab) *Agent {
	t.Helper()
	a, err := l.StartAgent(os.Getenv(BinEnv))
	must(t, err)
	return a
}

// startOK starts a lab and the program in it and waits until all is well.
func startOK(t *testing.T, opts Options) (*Lab, *Agent) {
	t.Helper()
	l := start(t, opts)
	a := startAgent(t, l)
	waitOK(t, a)
	return l, a
}

func waitOK(t *testing.T, a *Agent) {
	t.Helper()
	begin := time.Now()
	if err := a.WaitOK(within(t, agentTimeout)); err != nil {
		t.Fatal(err)
	}
	t.Logf("all ok after %s", time.Since(begin).Round(time.Millisecond))
}

// waitStage waits for a stage's state and reason, any reason for "".
func waitStage(t *testing.T, a *Agent, name string, state status.State, reason status.Reason) status.Condition {
	t.Helper()
	begin := time.Now()
	c, err := a.WaitStage(within(t, agentTimeout), name, state, reason)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is %s %s after %s: %s", name, c.State, c.Reason, time.Since(begin).Round(time.Millisecond), c.Detail)
	return c
}

// waitUnusable waits until a stage carries nothing.
func waitUnusable(t *testing.T, a *Agent, name string) status.Condition {
	t.Helper()
	begin := time.Now()
	c, err := a.Wait(within(t, agentTimeout), name, name+" to be lost", func(c status.Condition) bool { return !c.State.Usable() })
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s is %s %s after %s: %s", name, c.State, c.Reason, time.Since(begin).Round(time.Millisecond), c.Detail)
	return c
}

func snapshot(t *testing.T, a *Agent) status.Snapshot {
	t.Helper()
	s, err := a.Status(t.Context())
	must(t, err)
	return s
}

func stage(t *testing.T, s status.Snapshot, name string) status.Condition {
	t.Helper()
	c, ok := s.Stage(name)
	if !ok {
		t.Fatalf("no stage %s in the status", name)
	}
	return c
}

// lookup asks the device's operating system for a name, as any program there
// does; "" if there is no answer.
func lookup(t *testing.T, l *Lab, name string) string {
	t.Helper()
	out, err := l.Device.Run(t.Context(), "getent", "ahostsv4", name)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out
}

// clean fails the test if a packet of the device left in the open.
func clean(t *testing.T, l *Lab, phase string) {
	t.Helper()
	if r := report(t, l); !r.Clean() {
		t.Errorf("%s: %s", phase, r)
	}
}

// brokerLog counts the lines of the broker's log that hold text.
func brokerLog(t *testing.T, l *Lab, text string) int {
	t.Helper()
	data, err := os.ReadFile(l.path("log", "mosquitto.log"))
	must(t, err)
	return strings.Count(string(data), text)
}

// waitBrokerLog waits until the broker's log holds text: it writes of what
// happened a moment after the device knows it.
func waitBrokerLog(t *testing.T, l *Lab, text string) {
	t.Helper()
	err := Poll(within(t, brokerTimeout), readyEvery, func() error { return contains(l.path("log", "mosquitto.log"), text) })
	if err != nil {
		t.Errorf("at the broker: %v", err)
	}
}

// resolvConf returns the device's /etc/resolv.conf.
func resolvConf(t *testing.T, l *Lab) string {
	t.Helper()
	text, err := l.Device.ReadFile("/etc/resolv.conf")
	must(t, err)
	return text
}
