package modem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/godbus/dbus/v5"

	"edgeagent/internal/config"
)

// Rungs of the ladder by the names under which a Rescue is asked for them. When
// each is due is for whoever asks.
const (
	rungActivate     = "activate"
	rungReenable     = "reenable"
	rungReset        = "reset"
	rungModemManager = "modem-manager"
	rungUSB          = "usb"
	rungReboot       = "reboot"
)

// Options is what a Rescue is made of. BusAddress and RunDir may be empty.
type Options struct {
	Link     config.Link
	Recovery config.Recovery
	// BusAddress is the D-Bus address of the system bus; empty: where it always is.
	BusAddress string
	// StateDir keeps the reboot budget.
	StateDir string
	// RunDir is root's own, for what must be finished after a kill; empty:
	// /run/edgeagent-recover.
	RunDir string
	// Direct means that this process is root and needs no helper.
	Direct bool
	Log    *slog.Logger
}

// defaultRunDir is where the root helper notes a replug that is under way. It is
// not the daemon's directory: what root reads there, nobody else may write.
const defaultRunDir = "/run/edgeagent-recover"

// Rescue does to a dialled link what the ladder decides, and knows what the modem
// says of itself. Its methods are called from one goroutine at a time, but Watch.
type Rescue struct {
	link     config.Link
	recovery config.Recovery
	direct   bool
	log      *slog.Logger

	bus    *Bus
	nm     networkManager
	mm     modemManager
	sd     systemd
	usb    usbTree
	memo   string
	budget budget
	boot   func() (boot, error)

	noted   map[string]bool // what has been said
	skipped map[string]bool // rungs that this device cannot take
	refused *refusal        // what the last dialling died of, if only a person can help
}

// New returns a Rescue. It does not touch the bus.
func New(o Options) *Rescue {
	if o.RunDir == "" {
		o.RunDir = defaultRunDir
	}
	bus := NewBus(o.BusAddress)
	return &Rescue{
		link: o.Link, recovery: o.Recovery, direct: o.Direct, log: o.Log.With("link", o.Link.Name),
		bus: bus, nm: networkManager{bus}, mm: modemManager{bus}, sd: systemd{bus}, usb: usbTree{"/"},
		memo:   filepath.Join(o.RunDir, "usb-"+o.Link.Name),
		budget: budget{filepath.Join(o.StateDir, budgetFile), o.Log}, boot: thisBoot,
		noted: map[string]bool{}, skipped: map[string]bool{},
	}
}

// Close ends the connection to the bus.
func (r *Rescue) Close() { r.bus.Close() }

// note says something about this device once.
func (r *Rescue) note(text string, args ...any) {
	if !r.noted[text] {
		r.noted[text] = true
		r.log.Info(text, args...)
	}
}

// Do takes one rung and returns when it is done. An error with a method NotBefore
// puts the rung off until then.
func (r *Rescue) Do(ctx context.Context, rung string) error {
	err := r.do(ctx, rung)
	if errors.Is(err, ErrDenied) || errors.Is(err, ErrUnsupported) {
		r.skipped[rung] = true
		r.note("this step of recovery is left out from now on", "step", rung, "error", err)
	}
	return err
}

func (r *Rescue) do(ctx context.Context, rung string) error {
	switch rung {
	case rungActivate:
		return r.activate(ctx)
	case rungReenable:
		return r.withModem(ctx, func(m modem) error { return r.mm.reenable(ctx, m.path) }, nil)
	case rungReset:
		return r.withModem(ctx, func(m modem) error { return r.mm.reset(ctx, m.path) }, r.mm.awaitNew)
	case rungModemManager:
		return r.thenRedial(ctx, r.privileged(ctx, rungModemManager))
	case rungUSB:
		return r.thenRedial(ctx, r.privileged(ctx, rungUSB))
	case rungReboot:
		if err := r.mayReboot(); err != nil {
			return err
		}
		return r.privileged(ctx, rungReboot)
	}
	return fmt.Errorf("no step of recovery is called %q", rung)
}

// activate dials: NetworkManager by its connection, others by their unit.
func (r *Rescue) activate(ctx context.Context) error {
	if r.link.Connection == "" {
		return r.privileged(ctx, helperUnit)
	}
	err := r.nm.activate(ctx, r.link.Connection)
	r.refused = r.refusalOf(ctx, err)
	return err
}

// withModem does something to the link's modem, has after wait for it, and dials.
func (r *Rescue) withModem(ctx context.Context, do func(modem) error, after func(context.Context, dbus.ObjectPath) error) error {
	m, err := r.own(ctx)
	if err != nil {
		return err
	}
	if err := do(m); err != nil {
		return err
	}
	var late error
	if after != nil {
		// A modem that is not seen to leave and come back may be there all the same.
		late = after(ctx, m.path)
	}
	if err := r.thenRedial(ctx, nil); err != nil || r.link.Connection == "" {
		return errors.Join(late, err)
	}
	return nil
}

// thenRedial dials once the modem has found its network again, unless err is
// there already. Who dials by a unit is restarted by the next rung in time.
func (r *Rescue) thenRedial(ctx context.Context, err error) error {
	if err != nil || r.link.Connection == "" {
		return err
	}
	ready := func([]modem) bool {
		m, err := r.own(ctx)
		return err == nil && (m.state >= mmRegistered || m.state == mmFailed || m.state == mmLocked)
	}
	if err := r.mm.await(ctx, registerLimit, "the modem to find its network", ready); err != nil {
		return err
	}
	return r.activate(ctx)
}

// mayReboot asks the kernel and the budget, before the helper is asked, which
// asks them again.
func (r *Rescue) mayReboot() error {
	if !r.recovery.Reboot {
		return errors.New("a reboot is not allowed: recovery.reboot is false")
	}
	now, err := r.boot()
	if err != nil {
		return err
	}
	// A device that has not run for so long cannot have been without its link for
	// so long. This holds even if somebody deletes the budget.
	if left := r.recovery.CellularReboot - now.uptime; left > 0 {
		return &BudgetError{Wait: left, At: time.Now().Add(left)}
	}
	return r.budget.check(now)
}

// Rungs returns what this device has the means for and the configuration allows.
func (r *Rescue) Rungs(ctx context.Context) []string {
	var rungs []string
	add := func(rung string, after time.Duration, can func(context.Context) bool) {
		if after > 0 && !r.skipped[rung] && can(ctx) {
			rungs = append(rungs, rung)
		}
	}
	add(rungActivate, r.recovery.CellularActivate, r.canActivate)
	add(rungReenable, r.recovery.CellularReenable, r.hasModem)
	add(rungReset, r.recovery.CellularReset, r.hasModem)
	add(rungModemManager, r.recovery.CellularModemManager, r.canRestartModemManager)
	add(rungUSB, r.recovery.CellularUSB, r.canReplug)
	add(rungReboot, r.recovery.CellularReboot, r.canReboot)
	return rungs
}

func (r *Rescue) canActivate(ctx context.Context) bool {
	if r.link.Connection != "" {
		return r.has(ctx, nmService)
	}
	return r.link.Unit != "" && r.hasHelper(ctx)
}

// has reports whether a service is on the bus, and says once if it is not.
func (r *Rescue) has(ctx context.Context, service string) bool {
	ok, err := r.bus.present(ctx, service)
	if !ok {
		r.note(serviceTitle(service)+" is not on this device: recovery does without it", "error", errorOrNil(err))
	}
	return ok
}

func (r *Rescue) hasModem(ctx context.Context) bool {
	if !r.has(ctx, mmService) {
		return false
	}
	_, err := r.own(ctx)
	return err == nil
}

// hasHelper reports whether somebody can do what needs root.
func (r *Rescue) hasHelper(ctx context.Context) bool {
	if !r.has(ctx, systemdService) {
		return false
	}
	if r.direct {
		return true
	}
	ok, err := r.sd.hasFile(ctx, helperTemplate)
	if !ok {
		r.note(helperTemplate+" is not installed: recovery does without what needs root", "error", errorOrNil(err))
	}
	return ok
}

// canRestartModemManager: one that an admin has stopped or never started stays so.
func (r *Rescue) canRestartModemManager(ctx context.Context) bool {
	if !r.cellular(ctx) || !r.hasHelper(ctx) || r.neighbourBusy(ctx) {
		return false
	}
	u, err := r.sd.unit(ctx, mmUnit)
	return err == nil && (u.active == "active" || u.active == "activating" || u.active == "failed")
}

func (r *Rescue) canReplug(ctx context.Context) bool {
	if !r.hasHelper(ctx) {
		return false
	}
	_, err := r.usbDevice(ctx)
	if err != nil {
		r.note("no modem on USB to unplug and plug in again", "error", err)
	}
	return err == nil
}

func (r *Rescue) canReboot(ctx context.Context) bool { return r.recovery.Reboot && r.hasHelper(ctx) }

// cellular reports whether the link can only be one of a modem.
func (r *Rescue) cellular(ctx context.Context) bool {
	if r.link.Connection != "" {
		p, err := r.nm.find(ctx, r.link.Connection)
		return err == nil && p.isModem()
	}
	return r.link.Metered && isDialled(r.link)
}

func errorOrNil(err error) string {
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return err.Error()
}
