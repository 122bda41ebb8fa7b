package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
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

// armSettle is how long an emulated agent is left alone once all is ok: it gives
// back what its start took after 20 s.
const armSettle = 40 * time.Second

// emulated is what one architecture's agent takes, in MB.
type emulated struct{ guest, whole float64 }

// measureARM runs the programs of the ARM packages by QEMU's user mode, each as
// the agent of a lab.
func measureARM(ctx context.Context, r *run) (result, error) {
	var wg sync.WaitGroup
	all, errs := make([]emulated, len(emulators)), make([]error, len(emulators))
	for i, e := range emulators {
		wg.Go(func() {
			if all[i], errs[i] = r.emulate(ctx, e); errs[i] != nil {
				errs[i] = fmt.Errorf("running the program for %s: %w", e.arch, errs[i])
			}
		})
	}
	wg.Wait()
	var figures []figure
	var notes strings.Builder
	for i, e := range emulators {
		figures = append(figures, atMost(fmt.Sprintf("RSS of the connected agent, %s", e.arch), all[i].guest, idlePSS, "%.1f MB", ""))
		fmt.Fprintf(&notes, "%s by `%s`: %.1f MB with the emulator. ", e.arch, strings.Join(e.args, " "), all[i].whole)
	}
	return result{
		figures: figures,
		text: fmt.Sprintf(`The whole agent of each package, connected in a lab of its own, %s after all was ok. The guest's memory is told from the emulator's
by its place: the emulator puts the guest's addresses at %#x (-B), and what is resident elsewhere, translated code above all, is the emulator's. %s`,
			armSettle, uint64(guestBase), notes.String()),
	}, errors.Join(errs...)
}

// emulate measures one architecture.
func (r *run) emulate(ctx context.Context, e emulator) (m emulated, err error) {
	deb, err := r.deb(e.arch)
	if err != nil {
		return m, err
	}
	bin, remove, err := unpack(ctx, deb)
	if err != nil {
		return m, err
	}
	defer remove()
	script := fmt.Sprintf("#!/bin/sh\nexec %s -B %#x %s \"$@\"\n", strings.Join(e.args, " "), uint64(guestBase), bin)
	foreign := *r
	foreign.Bin = bin + ".sh"
	if err := os.WriteFile(foreign.Bin, []byte(script), 0o755); err != nil {
		return m, err
	}
	err = foreign.with(ctx, lab.Options{}, func(_ *lab.Lab, a *lab.Agent) error {
		if err := sleep(ctx, armSettle); err != nil {
			return err
		}
		m.guest, m.whole, err = guestMemory(a.PID())
		return err
	})
	return m, err
}

// guestMemory adds up what is resident of the guest's mappings, and of all, in
// MB, by smaps (proc(5)).
func guestMemory(pid int) (guest, whole float64, err error) {
	f, err := os.Open(proc(pid, "smaps"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	return residents(f)
}

// residents reads smaps.
func residents(smaps io.Reader) (guest, whole float64, err error) {
	var start uint64
	for lines := bufio.NewScanner(smaps); lines.Scan(); {
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
