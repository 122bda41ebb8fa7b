package modem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// errActivation means that NetworkManager tried and failed.
var errActivation = errors.New("the activation failed")

// ActivationError says why a connection did not come up, in NetworkManager's
// own numbers.
type ActivationError struct {
	Connection string
	Reason     uint32 // NMActiveConnectionStateReason
	Device     uint32 // NMDeviceStateReason
}

// Error implements error.
func (e *ActivationError) Error() string {
	return fmt.Sprintf("%s did not come up: %s", e.Connection, activationReason(e.Reason, e.Device))
}

// Is makes it an errActivation.
func (e *ActivationError) Is(target error) bool { return target == errActivation }

// activate brings a connection up and waits for the outcome. One that is on its way already is waited for, not begun anew: a modem that is
// dialling takes its time, and each new attempt sets it back.
func (n networkManager) activate(ctx context.Context, p profile) error {
	ctx, cancel := context.WithTimeout(ctx, activateLimit)
	defer cancel()
	signals, stop, err := n.bus.subscribe(ctx,
		[]dbus.MatchOption{dbus.WithMatchSender(nmService), dbus.WithMatchInterface(nmActive), dbus.WithMatchMember("StateChanged")},
		[]dbus.MatchOption{dbus.WithMatchSender(nmService), dbus.WithMatchInterface(nmDevice), dbus.WithMatchMember("StateChanged")},
		[]dbus.MatchOption{dbus.WithMatchSender(nmService), dbus.WithMatchPathNamespace(nmPath), dbus.WithMatchMember("PropertiesChanged")},
		ownerChanged(nmService),
	)
	if err != nil {
		return err
	}
	defer stop()
	a, ok, err := n.active(ctx, p)
	if err != nil {
		return err
	}
	if !ok || a.state != nmActivating {
		if a, err = n.begin(ctx, p); err != nil {
			return err
		}
	}
	return n.outcome(ctx, p, a, signals)
}

// begin asks for the activation on whatever device fits: a modem that was replugged
// is another device, and the profile says what it may be. A connection that is up
// already is taken down by this and dialled anew, which is what is wanted of one
// whose path is dead.
func (n networkManager) begin(ctx context.Context, p profile) (active, error) {
	var path dbus.ObjectPath
	err := n.bus.callFor(ctx, activateLimit, nmMain, nmService+".ActivateConnection",
		[]any{p.path, noObject, noObject}, &path)
	if err != nil {
		return active{}, err
	}
	a, err := n.activation(ctx, path)
	if err != nil {
		// It has failed and gone already; the device knows why.
		return active{path: path, state: nmDeactivated}, nil
	}
	return a.active, nil
}

// outcome follows an activation to its end.
func (n networkManager) outcome(ctx context.Context, p profile, a active, signals <-chan *dbus.Signal) error {
	failed := &ActivationError{Connection: p.id}
	started := time.Now()
	for {
		switch a.state {
		case nmActivated:
			return nil
		case nmDeactivated:
			n.blame(ctx, a, signals, failed)
			return failed
		}
		select {
		case s, ok := <-signals:
			if !ok {
				return fmt.Errorf("waiting for %s: %w", p.id, ErrNoBus)
			}
			a = n.follow(ctx, a, s, failed)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s for %s: %w", p.id, time.Since(started).Round(time.Second), ctx.Err())
		}
	}
}

// follow takes a signal into account.
func (n networkManager) follow(ctx context.Context, a active, s *dbus.Signal, failed *ActivationError) active {
	if s.Name == nmDevice+".StateChanged" {
		// The reason is gone from the device a moment later, when it has settled
		// as "disconnected".
		state, reason := at[uint32](s.Body, 0), at[uint32](s.Body, 2)
		if state == nmDeviceFailed && a.mayUse(s.Path, reason) {
			failed.Device = reason
		}
		return a
	}
	if s.Name == nameOwnerChanged && at[string](s.Body, 0) == nmService {
		// NetworkManager was restarted, by an upgrade perhaps: what it was doing is
		// gone, and nobody will tell of its end.
		a.state = nmDeactivated
		return a
	}
	if s.Path != a.path || a.state == nmDeactivated {
		return a
	}
	if s.Name == nmActive+".StateChanged" {
		a.state, failed.Reason = at[uint32](s.Body, 0), at[uint32](s.Body, 1)
		return a
	}
	now, err := n.activation(ctx, a.path)
	switch {
	case err == nil:
		now.devices = append(now.devices, a.devices...)
		return now.active
	case errors.Is(err, ErrMissing):
		a.state = nmDeactivated
	}
	return a
}

// mayUse reports whether the activation is on a device, or, if nobody has said
// on which, whether the failure is one that only a modem has.
func (a active) mayUse(path dbus.ObjectPath, reason uint32) bool {
	return slices.Contains(a.devices, path) || len(a.devices) == 0 && reason >= nmReasonModemBusy
}

// blame finds the device's own reason: in a signal that may come after the
// activation's end, or at the device.
func (n networkManager) blame(ctx context.Context, a active, signals <-chan *dbus.Signal, failed *ActivationError) {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	for failed.Device == 0 {
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			n.follow(ctx, a, s, failed)
			continue
		case <-t.C:
		case <-ctx.Done():
		}
		break
	}
	for _, path := range a.devices {
		if failed.Device > nmReasonUnknown {
			return
		}
		if d, err := n.device(ctx, path); err == nil {
			failed.Device = d.reason
		}
	}
}
