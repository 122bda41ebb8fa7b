package machine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/rootfs"
)

// helperEnv makes the test binary boot a machine on the root file system that
// it names, until it is killed.
const helperEnv = "EDGEAGENT_MACHINE_HELPER"

func TestMain(m *testing.M) {
	if root := os.Getenv(helperEnv); root != "" {
		os.Exit(runHelper(root))
	}
	os.Exit(m.Run())
}

// runHelper prints the id of the machine's process 1 and its cgroup.
func runHelper(root string) int {
	l, err := lab.Start(context.Background(), lab.Options{BareDevice: true})
	if err == nil {
		var m *Machine
		if m, err = Boot(context.Background(), l, Options{Root: root}); err == nil {
			leader, _ := m.leader() // 0 fails the test
			fmt.Println(leader, m.cgroup)
			time.Sleep(time.Hour) // until SIGKILL
		}
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}

func TestNothingIsLeftAfterSIGKILL(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	root, err := rootfs.Build(t.Context(), rootfs.Options{Release: rootfs.Trixie})
	must(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), helperEnv+"="+root)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	must(t, err)
	var leader int
	var cgroup string
	_, err = fmt.Sscan(line, &leader, &cgroup)
	must(t, err)
	must(t, unix.Kill(leader, 0))
	must(t, cmd.Process.Kill())
	_ = cmd.Wait() // it was killed
	must(t, lab.Poll(within(t, testTimeout), pollEvery, func() error {
		if err := unix.Kill(leader, 0); !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("process 1 is still there: %v", err)
		}
		return nil
	}))
	// The next one sweeps what the kernel keeps: empty cgroups.
	m := off(t, system{Release: rootfs.Trixie})
	if got := node(t, m, "ls", cgroupRoot); strings.Contains(got, cgroup) || !strings.Contains(got, m.cgroup) {
		t.Errorf("cgroups after the next start: %s", got)
	}
}

func TestNothingIsLeftAfterClose(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	resolv, err := os.ReadFile("/etc/resolv.conf")
	must(t, err)
	root, err := rootfs.Build(t.Context(), rootfs.Options{Release: rootfs.Trixie})
	must(t, err)
	l, err := lab.Start(t.Context(), lab.Options{BareDevice: true})
	must(t, err)
	m, err := Boot(t.Context(), l, Options{Root: root, Disk: diskIfPossible()})
	must(t, err)
	leader, err := m.leader()
	must(t, err)
	hidden(t, l)
	must(t, m.Close())
	if err := unix.Kill(leader, 0); !errors.Is(err, unix.ESRCH) {
		t.Errorf("process 1 after Close: %v", err)
	}
	got, err := l.Device.Run(t.Context(), "sh", "-c", "ls "+cgroupRoot+"; cat /proc/mounts")
	if must(t, err); strings.Contains(got, m.cgroup) || strings.Contains(got, filepath.Base(m.dir)) {
		t.Errorf("the node after Close:\n%s", got)
	}
	must(t, l.Close())
	hidden(t, l)
	if after, err := os.ReadFile("/etc/resolv.conf"); err != nil || string(after) != string(resolv) {
		t.Errorf("the host's resolv.conf was\n%s\nand is\n%s, %v", resolv, after, err)
	}
}

func diskIfPossible() int {
	if NoDisk() != "" {
		return 0
	}
	return 64
}

// hidden fails the test if the host sees a mount of the lab or its machine.
func hidden(t *testing.T, l *lab.Lab) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if must(t, err); strings.Contains(string(mounts), l.Dir) {
		t.Errorf("mounted on the host:\n%s", mounts)
	}
}

func TestARebootOfItsOwnIsFollowed(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := boot(t, system{Release: rootfs.Bookworm})
	before := m.Boots()
	sh(t, m, "systemctl --no-block reboot")
	must(t, m.WaitReboot(within(t, testTimeout), before))
	if m.Boots() != before+1 {
		t.Errorf("%d boots, then %d", before, m.Boots())
	}
	must(t, m.PowerOff(within(t, testTimeout)))
	if _, err := m.Peek(t.Context()); !errors.Is(err, ErrNoDaemon) {
		t.Errorf("the status of a machine that is off: %v", err)
	}
	if err := m.PowerOff(t.Context()); err == nil {
		t.Error("a machine that is off was switched off")
	}
}

func TestFilesKeepTheirPlaceThroughAbsoluteLinks(t *testing.T) {
	needsMachine(t)
	t.Parallel()
	m := boot(t, system{Release: rootfs.Trixie})
	sh(t, m, "ln -s /run/target /root/link")
	for _, state := range []string{"on", "off"} {
		must(t, m.WriteFile(t.Context(), "/root/link", "through\n"))
		if got, err := m.ReadFile(t.Context(), "/run/target"); err != nil || got != "through\n" {
			t.Errorf("%s: %q, %v", state, got, err)
		}
		if _, err := os.Stat("/run/target"); err == nil {
			t.Fatalf("%s: the host's /run was written to", state)
		}
		if state == "on" {
			must(t, m.PowerOff(within(t, testTimeout)))
		}
	}
	if err := m.WriteFile(t.Context(), "/no/such/dir/file", ""); err == nil {
		t.Error("a file was written to a directory that is not there")
	}
}
