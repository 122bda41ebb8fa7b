package modem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
)

// What the root helper does, and its unit: an instance is RUNG:LINK. polkit lets
// the daemon start these and nothing else.
const (
	helperUnit     = "unit"
	helperTemplate = "edgeagent-recover@.service"
)

// RootRungs are what the root helper may be asked for.
func RootRungs() []string { return []string{helperUnit, rungUSB, rungModemManager, rungReboot} }

// ErrNotAllowed means that the configuration does not allow a rung.
var ErrNotAllowed = errors.New("not allowed by the configuration")

// errNeighbour means that a rung would cut a link that works.
var errNeighbour = errors.New("another link's modem is connected and would be cut off")

// Recover does what needs root: one of RootRungs. It takes nothing but the rung's
// name from whoever asks; what it does it to comes from the configuration.
func (r *Rescue) Recover(ctx context.Context, rung string) error {
	if !slices.Contains(RootRungs(), rung) {
		return fmt.Errorf("%w: no step is called %q", ErrNotAllowed, rung)
	}
	r.finishReplug()
	switch rung {
	case helperUnit:
		if r.link.Unit == "" {
			return fmt.Errorf("%w: link %s has no unit", ErrNotAllowed, r.link.Name)
		}
		if r.recovery.CellularActivate == 0 {
			return fmt.Errorf("%w: recovery.cellular_activate is 0s", ErrNotAllowed)
		}
		return r.sd.restart(ctx, r.link.Unit)
	case rungModemManager:
		return r.restartModemManager(ctx)
	case rungUSB:
		return r.replug(ctx)
	}
	return r.reboot(ctx)
}

// privileged has a rung done as root. The unit's name is all that is said: a daemon
// that was taken over can ask for a rung of a link, and for nothing else.
func (r *Rescue) privileged(ctx context.Context, rung string) error {
	if r.direct {
		return r.Recover(ctx, rung)
	}
	return r.sd.start(ctx, "edgeagent-recover@"+rung+":"+r.link.Name+".service")
}

// restartModemManager refuses where it would do harm, whoever asks: ModemManager
// serves all modems of the device, and somebody may have stopped it on purpose.
func (r *Rescue) restartModemManager(ctx context.Context) error {
	if r.recovery.CellularModemManager == 0 {
		return fmt.Errorf("%w: recovery.cellular_modem_manager is 0s", ErrNotAllowed)
	}
	s := r.look(ctx)
	if !s.cellular {
		return fmt.Errorf("%w: link %s has no modem", ErrNotAllowed, r.link.Name)
	}
	if s.neighbourBusy() {
		return errNeighbour
	}
	u, err := r.sd.unit(ctx, mmUnit)
	if err != nil {
		return err
	}
	if u.load != "loaded" || u.active == "inactive" {
		return fmt.Errorf("restarting %s: %w: it is %s, %s", mmUnit, ErrMissing, u.load, u.active)
	}
	return r.sd.restart(ctx, mmUnit)
}

// replug unplugs the modem by software and plugs it in again: for firmware that
// answers nobody any more, it is what pulling the stick out would be, as long as
// the port keeps its power.
func (r *Rescue) replug(ctx context.Context) error {
	if r.recovery.CellularUSB == 0 {
		return fmt.Errorf("%w: recovery.cellular_usb is 0s", ErrNotAllowed)
	}
	dir, err := r.usbDevice(r.look(ctx))
	if err != nil {
		return fmt.Errorf("looking for the modem on USB: %w", err)
	}
	r.log.Info("the modem is unplugged and plugged in again by software", "device", dir)
	if err := replug(ctx, dir, r.memo); err != nil {
		return fmt.Errorf("replugging %s: %w", dir, err)
	}
	return nil
}

// finishReplug takes up a modem that a helper killed half-way has left unplugged.
func (r *Rescue) finishReplug() {
	ok, err := r.usb.takeUp(r.memo)
	if ok || err != nil {
		r.log.Warn("an earlier replug was cut short and is finished now", "error", errorOrNil(err))
	}
}

// usbDevice finds the link's modem on USB: by ModemManager's word, by the link's
// network device, or because there is but one.
func (r *Rescue) usbDevice(s sight) (string, error) {
	var errs []error
	if s.own != nil {
		for _, place := range s.own.physical {
			dir, err := r.usb.device(place)
			if err == nil {
				return dir, nil
			}
			errs = append(errs, err)
		}
	}
	for _, name := range r.link.Interface {
		dir, err := r.usb.ofInterface(name)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	if len(errs) == 0 && s.cellular {
		if s.neighbourBusy() {
			return "", errNeighbour
		}
		return r.usb.only()
	}
	return "", errors.Join(append(errs, errNoUSB)...)
}

// reboot restarts the device, if the configuration and the budget allow it.
func (r *Rescue) reboot(ctx context.Context) error {
	if !r.recovery.Reboot || r.recovery.CellularReboot == 0 {
		return fmt.Errorf("%w: recovery.reboot is false", ErrNotAllowed)
	}
	if err := r.mayReboot(); err != nil {
		return err
	}
	now, err := r.boot()
	if err != nil {
		return err
	}
	if err := r.budget.spend(now); err != nil {
		return err
	}
	r.log.Warn("this device is rebooted: its link could not be brought back")
	return r.sd.reboot(ctx)
}
