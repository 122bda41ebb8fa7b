package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"edgeagent/internal/lab"
)

// An emulator of one architecture. The guest's addresses begin at guestBase in
// the emulator's own, so that its memory is told from the emulator's.
type emulator struct {
	arch string
	args []string
}

const (
	guestBase = 0x100000000000
	guestEnd  = guestBase + 0x100000000000
)

var emulators = []emulator{
	{"armhf", []string{"qemu-arm-static", "-cpu", "arm1176"}},
	{"arm64", []string{"qemu-aarch64-static"}},
}

// armSettle is long enough for an emulated start.
const armSettle = 15 * time.Second

// measureARM runs the programs of the ARM packages by QEMU's user mode.
func measureARM(ctx context.Context, r *run) (result, error) {
	l, err := lab.Start(ctx, lab.Options{})
	if err != nil {
		return result{}, err
	}
	defer l.Close() // the figures are what counts
	var figures []figure
	for _, e := range emulators {
		guest, whole, err := r.emulate(ctx, l, e)
		if err != nil {
			return result{}, fmt.Errorf("running the program for %s: %w", e.arch, err)
		}
		figures = append(figures, shown(fmt.Sprintf("`edgeagent run --wait-for-config`, %s (`%s`)", e.arch, strings.Join(e.args, " ")),
			"%.1f MB RSS of the guest's; %.1f MB with the emulator", guest, whole))
	}
	return result{
		figures: figures,
		text: fmt.Sprintf(`The programs of the packages, waiting for a configuration on the lab's device, %s after their start. The guest's own memory is told from
the emulator's by its place: the emulator is told to put the guest's addresses at %#x (-B), and the rest, its translated code above all, is not counted.`,
			armSettle, uint64(guestBase)),
	}, nil
}

// emulate returns the resident memory of the guest, and of all, in MB.
func (r *run) emulate(ctx context.Context, l *lab.Lab, e emulator) (guest, whole float64, err error) {
	deb, err := r.deb(e.arch)
	if err != nil {
		return 0, 0, err
	}
	bin, remove, err := unpack(ctx, deb)
	if err != nil {
		return 0, 0, err
	}
	defer remove()
	dir := filepath.Dir(bin)
	args := append(append([]string(nil), e.args[1:]...), "-B", fmt.Sprintf("%#x", uint64(guestBase)), bin, "run", "--wait-for-config",
		"--config", dir+"/none.yaml", "--runtime-dir", dir+"/run", "--state-dir", dir+"/state")
	cmd := l.Device.Command(ctx, e.args[0], args...)
	if err := l.Device.Start(cmd); err != nil {
		return 0, 0, err
	}
	defer func() {
		_ = cmd.Process.Kill() // it has nothing to undo
		_ = cmd.Wait()
	}()
	if err := lab.Poll(ctx, 100*time.Millisecond, func() error { return answers(ctx, l, r.Bin, dir+"/run") }); err != nil {
		return 0, 0, err
	}
	if err := sleep(ctx, armSettle); err != nil {
		return 0, 0, err
	}
	return guestMemory(cmd.Process.Pid)
}

// answers is nil when the emulated daemon answers a native status.
func answers(ctx context.Context, l *lab.Lab, bin, runtimeDir string) error {
	_, code, err := l.Edgeagent(ctx, bin, "status", "--runtime-dir", runtimeDir)
	if err == nil && code == 3 {
		err = lab.ErrNoDaemon
	}
	return err
}

// guestMemory adds up what is resident of the guest's mappings, and of all, in
// MB, by smaps (proc(5)).
func guestMemory(pid int) (guest, whole float64, err error) {
	f, err := os.Open(proc(pid, "smaps"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	var start uint64
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if from, _, ok := strings.Cut(fields[0], "-"); ok {
			if start, err = strconv.ParseUint(from, 16, 64); err != nil {
				return 0, 0, fmt.Errorf("reading smaps: %w", err)
			}
		}
		if fields[0] != "Rss:" || len(fields) < 2 {
			continue
		}
		kib, err := strconv.Atoi(fields[1])
		if err != nil {
			return 0, 0, fmt.Errorf("reading smaps: %w", err)
		}
		whole += megabytes(kib)
		if guestBase <= start && start < guestEnd {
			guest += megabytes(kib)
		}
	}
	if guest == 0 {
		err = errors.New("no memory of the guest's where it was told to be")
	}
	return guest, whole, err
}
