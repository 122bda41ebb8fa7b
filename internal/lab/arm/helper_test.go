package arm

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"edgeagent/internal/lab"
	"edgeagent/internal/lab/machine"
	"edgeagent/internal/lab/rootfs"
	"edgeagent/internal/status"
)

// testsEnv says which tests to run: user, boot or pi. Without it none that
// takes minutes does.
const testsEnv = "EDGEAGENT_ARM_TESTS"

// bootTimeout bounds the wait from power on to the path: two idle cores need
// half a minute, and a machine that is busy with other things any time.
const bootTimeout = 15 * time.Minute

// sshTimeout bounds one command on the board.
const sshTimeout = 5 * time.Minute

// pathEvery paces the wait for a session at the broker, which is what a boot
// is measured by.
const pathEvery = 100 * time.Millisecond

// asked skips a test that make was not asked for, or that cannot run here.
func asked(t *testing.T, which, target string) {
	t.Helper()
	if os.Getenv(testsEnv) != which {
		t.Skip("takes minutes: make " + target)
	}
	for _, why := range []string{lab.Unavailable(), rootfs.Unavailable(), unavailable()} {
		if why != "" {
			t.Fatal(why) // asked for by name: to skip would pass for a success
		}
	}
}

// unavailable says in one line what is missing, or "".
func unavailable() string {
	for _, p := range programs() {
		if _, err := exec.LookPath(p.name); err != nil {
			return fmt.Sprintf("needs %s: apt-get install %s", p.name, p.pkg)
		}
	}
	return ""
}

// figure prints a measurement so that it is found among all output.
func figure(t *testing.T, format string, args ...any) {
	t.Helper()
	t.Logf("FIGURE "+format, args...)
}

// installed makes a foreign system with the agent's package in it.
func installed(t *testing.T, arch Arch) *System {
	t.Helper()
	deb, err := machine.Deb(arch.Deb)
	must(t, err)
	begin := time.Now()
	s, err := NewSystem(t.Context(), arch, t.TempDir())
	must(t, err)
	t.Logf("a root file system of %s %s after %s", arch.Release, arch.Deb, time.Since(begin).Round(time.Second))
	said, err := s.Install(t.Context(), deb)
	must(t, err)
	if strings.Contains(said, "dpkg: warning") || strings.Contains(said, "dpkg: error") {
		t.Errorf("dpkg complains: %s", said)
	}
	return s
}

// gateway is a board in the place of the lab's device, with the agent on its disk.
type gateway struct {
	lab    *lab.Lab
	berth  *lab.Berth
	kernel Kernel
	board  Board
	disk   string
	vm     *VM
}

// newGateway installs and configures one as a technician does; its power is off.
func newGateway(t *testing.T, arch Arch, board Board) *gateway {
	t.Helper()
	kernel, err := FetchKernel(t.Context())
	must(t, err)
	l, err := lab.Start(t.Context(), lab.Options{})
	must(t, err)
	g := &gateway{lab: l, kernel: kernel, board: board, disk: filepath.Join(t.TempDir(), "disk")}
	t.Cleanup(func() { g.close(t) })
	g.berth, err = l.Vacate()
	must(t, err)
	s := installed(t, arch)
	must(t, s.Configure(t.Context(), l))
	must(t, s.Join(t.Context(), l, g.berth))
	must(t, s.Disk(t.Context(), kernel, g.disk, board.Disk))
	return g
}

// close shows what there is to see if the test has failed.
func (g *gateway) close(t *testing.T) {
	if t.Failed() && g.vm != nil {
		journal, err := g.berth.SSH(context.Background(), "journalctl --boot --no-pager --lines=100")
		t.Logf("journal: %v\n%s", err, journal)
		text := g.vm.ReadConsole()
		t.Logf("console: %s", text[max(0, len(text)-3000):])
	}
	if err := g.lab.Close(); err != nil {
		t.Error(err)
	}
}

// powerUp switches the power on; nobody touches the board from then on.
func (g *gateway) powerUp(t *testing.T, more ...string) {
	t.Helper()
	vm, err := g.board.PowerUp(g.lab.Device, g.kernel, g.disk, g.berth.Tap, g.disk+".console", more...)
	must(t, err)
	g.vm = vm
}

// active returns how long after power on systemd had the service active. It
// reads the board's own clock, so it may be asked at any time later.
func (g *gateway) active(t *testing.T) time.Duration {
	t.Helper()
	out := g.ssh(t, "systemctl show --value --property=ActiveEnterTimestampMonotonic edgeagent; cut -d' ' -f1 /proc/uptime")
	running := time.Since(g.vm.PowerOn)
	var at, uptime float64 // microseconds and seconds since the kernel's start
	if _, err := fmt.Sscan(out, &at, &uptime); err != nil || at == 0 {
		t.Fatalf("systemd has the service active at %q: %v", out, err)
	}
	return running + time.Duration((at/1e6-uptime)*float64(time.Second))
}

// sessions counts the device's sessions at the broker so far.
func (g *gateway) sessions(t *testing.T) int {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(g.lab.Dir, "log", "mosquitto.log"))
	must(t, err)
	return strings.Count(string(log), " as "+lab.Thing+" (")
}

// connected waits for one more session at the broker than before.
func (g *gateway) connected(t *testing.T, before int) {
	t.Helper()
	must(t, poll(within(t, bootTimeout), pathEvery, func() error {
		must(t, g.vm.Err())
		if g.sessions(t) == before {
			return fmt.Errorf("no session at the broker after %s", time.Since(g.vm.PowerOn))
		}
		return nil
	}))
}

// ssh runs a command on the board from the site's LAN.
func (g *gateway) ssh(t *testing.T, command string) string {
	t.Helper()
	out, err := g.berth.SSH(within(t, sshTimeout), command)
	must(t, err)
	return strings.TrimSpace(out)
}

// status asks the daemon by the command that people use. Its exit status is 1
// while something is not ok.
func (g *gateway) status(t *testing.T) (s status.Snapshot, err error) {
	t.Helper()
	out, err := g.berth.SSH(within(t, sshTimeout), "edgeagent status --json || [ $? = 1 ]")
	if err == nil {
		err = json.Unmarshal([]byte(out), &s)
	}
	return s, err
}

// waitStatus waits until the status is as wanted, and returns it.
func (g *gateway) waitStatus(t *testing.T, want func(status.Snapshot) bool) (s status.Snapshot) {
	t.Helper()
	must(t, poll(within(t, bootTimeout), time.Second, func() (err error) {
		if s, err = g.status(t); err == nil && !want(s) {
			err = fmt.Errorf("the status is %+v", s)
		}
		return err
	}))
	return s
}

func allOK(s status.Snapshot) bool { return s.State == status.OK && s.FixFirst == nil }

// clean fails the test if a packet of the device left in the open.
func (g *gateway) clean(t *testing.T) {
	t.Helper()
	r, err := g.lab.Capture.Report(t.Context())
	must(t, err)
	if !r.Clean() || r.Frames == 0 {
		t.Error(r)
	}
}

// memory prints the resident memory of the daemon and of its OpenVPN.
func (g *gateway) memory(t *testing.T, what string) {
	t.Helper()
	rss := g.ssh(t, `for p in $(systemctl show --property=MainPID --value edgeagent) $(pidof openvpn); do
		sed -n 's/^VmRSS:[[:space:]]*//p' /proc/$p/status; done`)
	figure(t, "%s: resident memory of edgeagent and openvpn: %s", what, strings.ReplaceAll(rss, "\n", ", "))
}

// within returns a context for one wait.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), d)
	t.Cleanup(cancel)
	return ctx
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// poll calls try at that pace until it succeeds or ctx ends; the error is then
// the last one of try.
func poll(ctx context.Context, every time.Duration, try func() error) error {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}
