package lab

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/status"
)

// bothServices is a config whose tunnels reach sshd and whatever a test lets
// listen at vncAddr.
const vncAddr = "127.0.0.1:5900"

func bothServices(more map[string]string) map[string]string {
	config := map[string]string{"tunnel.services": `{SSH: "127.0.0.1:22", VNC: "` + vncAddr + `"}`}
	for k, v := range more {
		config[k] = v
	}
	return config
}

// listed is what `edgeagent tunnel list --json` prints of one tunnel.
type listed struct {
	ID       string   `json:"id"`
	Services []string `json:"services"`
	State    string   `json:"state"`
	Detail   string   `json:"detail"`
	BytesIn  int64    `json:"bytes_in"`
	BytesOut int64    `json:"bytes_out"`
}

// edgeagent runs a command of the program on the device and returns what it
// printed; the exit status must be as wanted.
func edgeagent(t *testing.T, l *Lab, want int, args ...string) string {
	t.Helper()
	out, code, err := l.Edgeagent(t.Context(), os.Getenv(BinEnv), args...)
	must(t, err)
	if code != want {
		t.Errorf("edgeagent %s ends with %d, want %d:\n%s", strings.Join(args, " "), code, want, out)
	}
	return out
}

func list(t *testing.T, l *Lab) []listed {
	t.Helper()
	var tunnels []listed
	must(t, json.Unmarshal([]byte(edgeagent(t, l, 0, "tunnel", "list", "--json")), &tunnels))
	return tunnels
}

// waitList polls the list of tunnels until it is as wanted.
func waitList(t *testing.T, l *Lab, what string, want func([]listed) bool) []listed {
	t.Helper()
	var last []listed
	err := Poll(within(t, agentTimeout), statusEvery, func() error {
		if last = list(t, l); want(last) {
			return nil
		}
		return fmt.Errorf("they are %+v", last)
	})
	if err != nil {
		t.Fatalf("waiting for the tunnels to be %s: %v", what, err)
	}
	return last
}

// waitDetail waits until the stage tunnel says a text.
func waitDetail(t *testing.T, a *Agent, text string) status.Condition {
	t.Helper()
	c, err := a.Wait(within(t, agentTimeout), "tunnel", "the tunnel stage to say "+text, func(c status.Condition) bool {
		return strings.Contains(c.Detail, text)
	})
	must(t, err)
	return c
}

// proxies returns the host's ids of the agent's proxy processes, a zombie
// included.
func proxies(t *testing.T, a *Agent) []int {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	must(t, err)
	var pids []int
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		if procField(pid, "status", "PPid") != strconv.Itoa(a.PID()) || procField(pid, "status", "Name") == "openvpn" {
			continue
		}
		pids = append(pids, pid)
	}
	return pids
}

// onlyProxy returns the one proxy process.
func onlyProxy(t *testing.T, a *Agent) int {
	t.Helper()
	pids := proxies(t, a)
	if len(pids) != 1 {
		t.Fatalf("the agent's proxies are %v, want one", pids)
	}
	return pids[0]
}

// waitNoProcess waits until a process is gone and reaped.
func waitNoProcess(t *testing.T, pid int) {
	t.Helper()
	must(t, Poll(within(t, testTimeout), readyEvery, func() error {
		if start := startTime(pid); start != "" {
			return fmt.Errorf("process %d is still there: %s", pid, procField(pid, "status", "State"))
		}
		return nil
	}))
}

// procField returns a field of a file like /proc/PID/status, "" if the process
// is gone.
func procField(pid int, file, name string) string {
	data, _ := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	for line := range strings.Lines(string(data)) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// peakRSS returns the most memory that a process has held, in kB.
func peakRSS(t *testing.T, pid int) int {
	t.Helper()
	kb, err := strconv.Atoi(strings.TrimSuffix(procField(pid, "status", "VmHWM"), " kB"))
	must(t, err)
	return kb
}

// office is an open ssh session: a real ssh client with `cat` on the device.
type office struct {
	cmd    *exec.Cmd
	in     io.Writer
	lines  *bufio.Scanner
	stderr bytes.Buffer
	ended  chan struct{}
}

// openSSH opens an ssh session through a tunnel.
func openSSH(t *testing.T, tunnel *Tunnel) *office {
	t.Helper()
	l := tunnel.lab
	port := tunnel.source.Addr("SSH").(*net.TCPAddr).Port
	args := append(l.sshOptions(), "-p", strconv.Itoa(port), "root@127.0.0.1", "exec cat")
	o := &office{cmd: l.VPC.Command(t.Context(), "ssh", args...), ended: make(chan struct{})}
	var err error
	o.in, err = o.cmd.StdinPipe()
	must(t, err)
	r, w := io.Pipe()
	o.cmd.Stdout, o.cmd.Stderr, o.lines = w, &o.stderr, bufio.NewScanner(r)
	must(t, l.VPC.Start(o.cmd))
	go func() {
		_ = o.cmd.Wait() // ended is all that tests ask for
		w.Close()
		close(o.ended)
	}()
	t.Cleanup(func() { <-o.ended }) // t's context has ended it
	o.say(t, "the session is open")
	return o
}

// say sends a line to the device, which must come back.
func (o *office) say(t *testing.T, line string) {
	t.Helper()
	got := make(chan string, 1)
	go func() {
		if _, err := io.WriteString(o.in, line+"\n"); err == nil && o.lines.Scan() {
			got <- o.lines.Text()
		}
		close(got)
	}()
	select {
	case text, ok := <-got:
		if !ok || text != line {
			t.Fatalf("the ssh session says %q (open: %t), want %q: %s", text, ok, line, o.stderr.String())
		}
	case <-time.After(testTimeout):
		t.Fatalf("the ssh session does not answer")
	}
}

// waitEnd waits until the ssh client has ended, with a failure.
func (o *office) waitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-o.ended:
	case <-time.After(testTimeout):
		t.Fatal("the ssh client goes on without its tunnel")
	}
	if code := o.cmd.ProcessState.ExitCode(); code != 255 {
		t.Errorf("ssh ends with %d, want 255, a lost connection: %s", code, o.stderr.String())
	}
}

// scp copies a file between the office and the device ("root@127.0.0.1:...").
func scp(t *testing.T, tunnel *Tunnel, from, to string) {
	t.Helper()
	port := tunnel.source.Addr("SSH").(*net.TCPAddr).Port
	// -O: the device's sshd has no sftp subsystem.
	args := append([]string{"-O", "-q", "-P", strconv.Itoa(port)}, append(tunnel.lab.sshOptions(), from, to)...)
	_, err := tunnel.lab.VPC.Run(within(t, agentTimeout), "scp", args...)
	must(t, err)
}

// sumFile returns a file's length and SHA-256.
func sumFile(t *testing.T, name string) string {
	t.Helper()
	f, err := os.Open(name)
	must(t, err)
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	must(t, err)
	return fmt.Sprintf("%d bytes, sha256 %s", n, hex.EncodeToString(h.Sum(nil)))
}

// serveVNC lets fn serve every connection to the service VNC on the device.
func serveVNC(t *testing.T, l *Lab, fn func(net.Conn)) {
	t.Helper()
	listener, err := l.Device.Listen(vncAddr)
	must(t, err)
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				fn(conn)
			}()
		}
	}()
}

// flip is what the device's echo server does to each byte, so that an echo on
// the way is no answer.
func flip(p []byte) {
	for i := range p {
		p[i] ^= 0x5a
	}
}

// flipper sends everything back, flipped.
func flipper(conn net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := conn.Read(buf)
		flip(buf[:n])
		if _, writeErr := conn.Write(buf[:n]); err != nil || writeErr != nil {
			return
		}
	}
}

// flipped sends data to a flipper and checks what comes back.
func flipped(t *testing.T, conn net.Conn, data []byte) {
	t.Helper()
	must(t, conn.SetDeadline(time.Now().Add(testTimeout)))
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(data)
		sent <- err
	}()
	back := make([]byte, len(data))
	_, err := io.ReadFull(conn, back)
	must(t, errors.Join(err, <-sent))
	flip(back)
	if !bytes.Equal(back, data) {
		t.Errorf("%d bytes came back changed", len(data))
	}
}

// dial connects to a service from the office, until the test ends.
func dial(t *testing.T, tunnel *Tunnel, service string) net.Conn {
	t.Helper()
	conn, err := tunnel.Dial(t.Context(), service)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// open opens a tunnel for services.
func open(t *testing.T, l *Lab, services ...string) *Tunnel {
	t.Helper()
	tunnel, err := l.OpenTunnel(within(t, testTimeout), services...)
	must(t, err)
	return tunnel
}

// run runs a command on the device through the tunnel's ssh service.
func run(t *testing.T, tunnel *Tunnel) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), testTimeout)
	defer cancel()
	out, err := tunnel.SSH(ctx, "hostname")
	must(t, err)
	if out != Thing+"\n" {
		t.Errorf("ssh says %q, want %q", out, Thing)
	}
}

// waitIdle closes a tunnel as the office does and waits until the device has
// none.
func waitIdle(t *testing.T, a *Agent, tunnels ...*Tunnel) {
	t.Helper()
	for _, tunnel := range tunnels {
		must(t, tunnel.Close())
	}
	waitList(t, a.lab, "gone", func(list []listed) bool { return len(list) == 0 })
	if left := proxies(t, a); len(left) > 0 {
		t.Errorf("proxies %v are left", left)
	}
}

// stays fails the test unless the broker session has never been lost.
func stays(t *testing.T, a *Agent) {
	t.Helper()
	if c := stage(t, snapshot(t, a), "broker"); c.State != status.OK || c.Losses != 0 {
		t.Errorf("broker is %s, lost %d times", c.State, c.Losses)
	}
}
