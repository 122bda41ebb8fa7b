package modem

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
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
	known   dbus.ObjectPath // where NetworkManager had the connection
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
	p, err := r.profile(ctx)
	if err != nil {
		return err
	}
	err = r.nm.activate(ctx, p)
	r.refused = r.refusalOf(ctx, err)
	return err
}

// withModem does something to the link's modem, has after wait for it, and dials.
func (r *Rescue) withModem(ctx context.Context, do func(modem) error, after func(context.Context, []modem) error) error {
	s := r.look(ctx)
	if s.own == nil {
		return s.mmErr
	}
	if err := do(*s.own); err != nil {
		return err
	}
	var late error
	if after != nil {
		// A modem that is not seen to leave and come back may be there all the same.
		late = after(ctx, s.modems)
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
		m := r.look(ctx).own
		return m != nil && (m.state >= mmRegistered || m.state == mmFailed || m.state == mmLocked)
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
