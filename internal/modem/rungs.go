package modem

import (
	"context"
	"errors"
	"os"
	"time"
)

// Rungs returns what this device has the means for and the configuration allows.
// It asks for little and changes nothing, so that it can be asked before each step:
// what was there an hour ago may have been unplugged, and the other way round.
func (r *Rescue) Rungs(ctx context.Context) []string {
	s := r.look(ctx)
	var rungs []string
	add := func(rung string, after time.Duration, can func(context.Context, sight) bool) {
		if after > 0 && !r.skipped[rung] && can(ctx, s) {
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

// canActivate does not ask whether the connection exists: that it does not is a
// refusal, which has its own words on the screen.
func (r *Rescue) canActivate(ctx context.Context, _ sight) bool {
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

// hasModem reports whether ModemManager knows the link's modem. A modem that hangs
// so badly that it has gone from the bus is beyond these rungs, but not beyond USB's.
func (r *Rescue) hasModem(ctx context.Context, s sight) bool {
	return r.has(ctx, mmService) && s.own != nil
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
func (r *Rescue) canRestartModemManager(ctx context.Context, s sight) bool {
	if !s.cellular || s.neighbourBusy() || !r.hasHelper(ctx) {
		return false
	}
	u, err := r.sd.unit(ctx, mmUnit)
	return err == nil && (u.active == "active" || u.active == "activating" || u.active == "failed")
}

// canReplug looks at the kernel's tree as anybody may; only to change it takes root.
func (r *Rescue) canReplug(ctx context.Context, s sight) bool {
	if !r.hasHelper(ctx) {
		return false
	}
	_, err := r.usbDevice(s)
	if err != nil {
		r.note("no modem on USB to unplug and plug in again", "error", err)
	}
	return err == nil
}

// canReboot leaves the budget to Do: that it is used up for now is worth a line on
// the screen, with the time when it will not be.
func (r *Rescue) canReboot(ctx context.Context, _ sight) bool {
	return r.recovery.Reboot && r.hasHelper(ctx)
}

// errorOrNil is for the log, where "no such file" behind "is not on this device"
// says nothing more.
func errorOrNil(err error) string {
	if err == nil || errors.Is(err, os.ErrNotExist) {
		return ""
	}
	return err.Error()
}
