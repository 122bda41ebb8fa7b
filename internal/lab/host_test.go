package lab

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// relayOne connects the first connection of l with addr on node n.
func relayOne(ctx context.Context, l net.Listener, n *Node, addr string) {
	from, err := l.Accept()
	if err != nil {
		return
	}
	defer from.Close()
	to, err := n.Dial(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer to.Close()
	go io.Copy(to, from) // the test looks at the far end
	_, _ = io.Copy(from, to)
}

// hostState is what of the host a lab could harm.
func hostState(t *testing.T) string {
	t.Helper()
	resolv, err := os.ReadFile("/etc/resolv.conf")
	must(t, err)
	links, err := exec.Command("ip", "-brief", "address").CombinedOutput()
	must(t, err)
	routes, err := exec.Command("ip", "route").CombinedOutput()
	must(t, err)
	rules, err := exec.Command("nft", "list", "ruleset").CombinedOutput()
	must(t, err)
	name, err := os.Hostname()
	must(t, err)
	return strings.Join([]string{string(resolv), string(links), string(routes), string(rules), name}, "\n--\n")
}

func TestTheHostIsLeftAlone(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	before := hostState(t)
	l, err := Start(t.Context(), Options{})
	must(t, err)
	_, err = l.Device.Run(t.Context(), "sh", "-c",
		"echo nameserver 127.0.0.153 >/etc/resolv.conf.new && mv /etc/resolv.conf.new /etc/resolv.conf")
	must(t, err)
	text, err := l.Device.ReadFile("/etc/resolv.conf")
	must(t, err)
	if text != "nameserver 127.0.0.153\n" {
		t.Errorf("the device's resolv.conf after a rename over it: %q", text)
	}
	during := hostState(t)
	pids := []int{l.Device.Pid(), l.Uplink.Pid(), l.VPC.Pid()}
	must(t, l.Close())
	if during != before {
		t.Errorf("the host while a lab runs:\n%s\nbefore:\n%s", during, before)
	}
	if _, err := os.Stat(l.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %s: %v", l.Dir, err)
	}
	for _, pid := range pids {
		if startTime(pid) != "" {
			t.Errorf("after Close: process %d lives", pid)
		}
	}
}

// helperEnv makes the test binary run a lab until it is killed.
const helperEnv = "EDGEAGENT_LAB_HELPER"

func TestNothingIsLeftAfterSIGKILL(t *testing.T) {
	if why := Unavailable(); why != "" {
		t.Skip(why)
	}
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperEnv+"=1")
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	dir := make([]byte, 100)
	n, err := out.Read(dir)
	must(t, err)
	state, ok := readState(string(dir[:n]))
	if !ok || len(state.Nodes) != 3 || !state.Alive() {
		t.Fatalf("state of a running lab: %+v, %v", state, ok)
	}
	inside, err := processesOf(state.Nodes[Thing], "")
	must(t, err)
	if len(inside) < 2 {
		t.Errorf("only %d processes on the device", len(inside))
	}
	must(t, cmd.Process.Signal(syscall.SIGKILL))
	_ = cmd.Wait() // it was killed
	for _, pid := range inside {
		must(t, Poll(within(t, testTimeout), readyEvery, func() error {
			if startTime(pid) != "" {
				return errors.New("still there")
			}
			return nil
		}))
	}
	must(t, Sweep())
	if _, err := os.Stat(state.Dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Sweep: %s: %v", state.Dir, err)
	}
}

// runHelper is the other side of TestNothingIsLeftAfterSIGKILL.
func runHelper() int {
	if os.Getenv(helperEnv) == inChroot {
		return writeInNode()
	}
	l, err := Start(context.Background(), Options{})
	if err != nil {
		io.WriteString(os.Stderr, err.Error()+"\n")
		return 1
	}
	io.WriteString(os.Stdout, l.Dir)
	time.Sleep(time.Hour) // until SIGKILL
	return 0
}

func TestSweepSparesTheLiving(t *testing.T) {
	dir, err := newDir()
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, Sweep())
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a lab of this very process was swept away: %v", err)
	}
}
