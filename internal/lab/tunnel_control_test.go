package lab

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"edgeagent/internal/lab/tunneling"
	"edgeagent/internal/status"

	"github.com/coder/websocket"
	"golang.org/x/sys/unix"
)

func TestTunnelListShowsAndCloseEnds(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{Config: bothServices(nil)})
	serveVNC(t, l, flipper)
	if out := edgeagent(t, l, 0, "tunnel", "list"); out != "no tunnel is open\n" {
		t.Errorf("with no tunnel open, the list says %q", out)
	}

	const size = 1_000_003
	tunnel := open(t, l, "SSH", "VNC")
	flipped(t, dial(t, tunnel, "VNC"), bytes.Repeat([]byte("edgeagent"), size/9+1)[:size])
	one := waitList(t, l, "counted", func(list []listed) bool { return len(list) == 1 && list[0].BytesOut >= size })[0]
	if one.State != "open" || one.BytesIn != size || one.BytesOut != size || strings.Join(one.Services, " ") != "SSH VNC" {
		t.Errorf("the list has %+v, want it open for SSH and VNC with %d bytes each way", one, size)
	}
	row := regexp.MustCompile(fmt.Sprintf(`(?m)^ID +SERVICES +STATE .*\n%s +SSH,VNC +open +\S.* +%d +%d +-\n$`, one.ID, size, size))
	if out := edgeagent(t, l, 0, "tunnel", "list"); !row.MatchString(out) {
		t.Errorf("the list for people does not match %s:\n%s", row, out)
	}
	checkOpenFact(t, a, one)

	session, proxy := openSSH(t, tunnel), onlyProxy(t, a)
	edgeagent(t, l, 1, "tunnel", "close", "nonsense")
	if out := edgeagent(t, l, 0, "tunnel", "close", one.ID); out != "tunnel "+one.ID+" is closed\n" {
		t.Errorf("close says %q", out)
	}
	// Not waited for: it is done when the command says so.
	if start := startTime(proxy); start != "" {
		t.Errorf("process %d is left: %s", proxy, procField(proxy, "status", "State"))
	}
	if left := list(t, l); len(left) > 0 {
		t.Errorf("closed tunnels are listed: %+v", left)
	}
	session.waitEnd(t)
	last, _ := waitStage(t, a, "tunnel", status.OK, status.ReasonIdle).Facts["last"].(map[string]any)
	if last["reason"] != "closed on this device" || last["bytes_out"].(float64) < size {
		t.Errorf("the last tunnel is told as %v", last)
	}
	stays(t, a)
}

// checkOpenFact holds the fact "open" of the status against the list.
func checkOpenFact(t *testing.T, a *Agent, want listed) {
	t.Helper()
	_, err := a.Wait(within(t, testTimeout), "tunnel", "the fact open to be as listed", func(c status.Condition) bool {
		text, _ := json.Marshal(c.Facts["open"])
		var open []struct {
			listed
			Since string `json:"since"`
		}
		if c.Reason != status.ReasonOpen || json.Unmarshal(text, &open) != nil || len(open) != 1 {
			return false
		}
		o := open[0]
		return o.ID == want.ID && o.BytesIn == want.BytesIn && o.BytesOut == want.BytesOut &&
			fmt.Sprint(o.Services) == fmt.Sprint(want.Services) && o.Since != ""
	})
	must(t, err)
}

// TestTunnelCloseIsOrderly looks at what the source gets to see.
func TestTunnelCloseIsOrderly(t *testing.T) {
	t.Parallel()
	l, _ := startOK(t, Options{Config: bothServices(nil)})
	serveVNC(t, l, flipper)
	_, wire, err := l.Wire(within(t, testTimeout), "VNC")
	must(t, err)
	at := tunneling.Message{Stream: 7, Service: "VNC", Connection: 1}
	start, data := at, at
	start.Kind, data.Kind, data.Payload = tunneling.StreamStart, tunneling.Data, []byte("what is your name?")
	must(t, wire.Send(t.Context(), start, data))
	echo := bytes.Clone(data.Payload)
	flip(echo)
	for len(echo) > 0 {
		m, err := wire.Receive(within(t, testTimeout))
		must(t, err)
		if m.Kind != tunneling.Data || !bytes.HasPrefix(echo, m.Payload) {
			t.Fatalf("the device sends %s: %q", m, m.Payload)
		}
		echo = echo[len(m.Payload):]
	}

	edgeagent(t, l, 0, "tunnel", "close", list(t, l)[0].ID)
	m, err := wire.Receive(within(t, testTimeout))
	must(t, err)
	if m.Kind != tunneling.ConnectionReset || m.Stream != 7 || m.Service != "VNC" || m.Connection != 1 {
		t.Errorf("the device's last word is %s, want the reset of stream 7, VNC, connection 1", m)
	}
	select {
	case <-wire.Gone():
	case <-within(t, testTimeout).Done():
		t.Fatal("the device keeps its WebSocket")
	}
	if code := websocket.CloseStatus(wire.Cause()); code != websocket.StatusNormalClosure {
		t.Errorf("the device ended its WebSocket with %v, want close status 1000", wire.Cause())
	}
}

// TestTunnelProcessHasNothingToSpare looks at the process of a tunnel from
// outside.
func TestTunnelProcessHasNothingToSpare(t *testing.T) {
	t.Parallel()
	l, a := startOK(t, Options{})
	tunnel := open(t, l, "SSH")
	pid := onlyProxy(t, a)
	session := openSSH(t, tunnel)
	t.Run("environment", func(t *testing.T) { checkEnvironment(t, pid, tunnel.DestinationToken) })
	t.Run("descriptors", func(t *testing.T) { checkDescriptors(t, pid) })
	t.Run("rights", func(t *testing.T) { checkRights(t, a, pid) })
	t.Run("token", func(t *testing.T) { checkToken(t, l, tunnel.DestinationToken) })
	session.say(t, "nothing of that hurt")

	a.Kill()
	waitNoProcess(t, pid)
	session.waitEnd(t)
}

func checkEnvironment(t *testing.T, pid int, token string) {
	name := fmt.Sprintf("/proc/%d/environ", pid)
	data, err := os.ReadFile(name)
	must(t, err)
	if len(data) == 0 || bytes.Contains(data, []byte(token)) {
		t.Errorf("%s has %d bytes, the token among them: %t", name, len(data), bytes.Contains(data, []byte(token)))
	}
	cmd := exec.Command("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", "cat", name)
	if out, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(out, []byte("Permission denied")) {
		t.Errorf("another user reads %s: %v, %q", name, err, out)
	}
}

// checkDescriptors takes all that the process has open: what it was given, its
// sockets, and what Go's runtime waits with.
func checkDescriptors(t *testing.T, pid int) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	entries, err := os.ReadDir(dir)
	must(t, err)
	given := map[string]string{"0": "/dev/null", "1": "pipe:", "2": "pipe:", "3": "pipe:"}
	sockets := 0
	for _, e := range entries {
		target, err := os.Readlink(filepath.Join(dir, e.Name()))
		must(t, err)
		prefix, ok := given[e.Name()]
		delete(given, e.Name())
		switch {
		case ok && strings.HasPrefix(target, prefix):
		case !ok && strings.HasPrefix(target, "socket:"):
			sockets++
		case !ok && strings.HasPrefix(target, "anon_inode:[event"):
		default:
			t.Errorf("descriptor %s is %s", e.Name(), target)
		}
	}
	if len(given) > 0 || sockets != 2 {
		t.Errorf("%d sockets, want the service's and sshd's; missing: %v", sockets, given)
	}
}

func checkRights(t *testing.T, a *Agent, pid int) {
	group, err := unix.Getpgid(pid)
	must(t, err)
	daemon, err := unix.Getpgid(a.PID())
	must(t, err)
	if group != pid || group == daemon {
		t.Errorf("process %d is in group %d, the daemon in %d", pid, group, daemon)
	}
	// CAP_NET_RAW binds to the device before Linux 5.7; the bounding set needs
	// a right that is not given to lower.
	raw := fmt.Sprintf("%016x", 1<<unix.CAP_NET_RAW)
	for field, want := range map[string]string{
		"NoNewPrivs": "1", "CapEff": raw, "CapPrm": raw, "CapInh": strings.Repeat("0", 16), "CapAmb": strings.Repeat("0", 16),
	} {
		if got := procField(pid, "status", field); got != want {
			t.Errorf("%s is %s, want %s", field, got, want)
		}
	}
}

// checkToken looks for the token wherever somebody could find it: in the
// arguments of processes, what commands print, logs and small files.
func checkToken(t *testing.T, l *Lab, token string) {
	found := func(where string, text []byte) {
		if bytes.Contains(text, []byte(token)) {
			t.Errorf("the token is in %s", where)
		}
	}
	pids, err := l.Device.Processes("")
	must(t, err)
	for _, pid := range pids {
		args, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
		found(fmt.Sprintf("the arguments of %d", pid), args)
	}
	for _, args := range [][]string{{"status"}, {"status", "--json"}, {"tunnel", "list", "--json"}} {
		found(strings.Join(args, " "), []byte(edgeagent(t, l, 0, args...)))
	}
	files := 0
	for _, dir := range []string{l.path("log"), l.RuntimeDir(), l.StateDir()} {
		must(t, filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
			if err != nil || !e.Type().IsRegular() {
				return err
			}
			text, err := os.ReadFile(name)
			if errors.Is(err, os.ErrNotExist) {
				return nil
			}
			files++
			found(name, text)
			return err
		}))
	}
	if len(pids) < 4 || files < 5 {
		t.Errorf("only %d processes and %d files were there to look at", len(pids), files)
	}
}
