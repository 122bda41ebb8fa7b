package modem

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/godbus/dbus/v5"
)

// reenable turns the modem off and on. Once it is off it is turned on again
// whatever happens: an agent that is stopped in between must not leave a modem
// dead that worked.
func (m modemManager) reenable(ctx context.Context, path dbus.ObjectPath) error {
	o := object{mmService, path}
	if err := m.bus.callFor(ctx, modemLimit, o, mmModem+".Enable", []any{false}); err != nil {
		return m.again(ctx, o, err)
	}
	// A modem that keeps its radio on keeps its old session; not all can.
	_ = m.bus.callFor(ctx, modemLimit, o, mmModem+".SetPowerState", []any{uint32(mmPowerLow)})
	return m.again(ctx, o, nil)
}

// again enables the modem and joins what went wrong before.
func (m modemManager) again(ctx context.Context, o object, before error) error {
	if errors.Is(before, ErrDenied) || errors.Is(before, ErrMissing) {
		return before // nothing was done
	}
	limit := modemLimit
	if ctx.Err() != nil {
		ctx, limit = context.WithoutCancel(ctx), finishLimit
	}
	return errors.Join(before, m.bus.callFor(ctx, limit, o, mmModem+".Enable", []any{true}))
}

// reset restarts the modem's firmware. The modem then leaves the bus and comes
// back under another path.
func (m modemManager) reset(ctx context.Context, path dbus.ObjectPath) error {
	return m.bus.callFor(ctx, modemLimit, object{mmService, path}, mmModem+".Reset", nil)
}

// changes are ModemManager's signals: of modems that come, go or change.
func (m modemManager) changes(ctx context.Context) (<-chan *dbus.Signal, func(), error) {
	return m.bus.subscribe(ctx,
		[]dbus.MatchOption{dbus.WithMatchSender(mmService), dbus.WithMatchPathNamespace(mmPath)},
		ownerChanged(mmService),
	)
}

// await looks at the modems now and after each change until ready holds, or
// returns an error that ends with what is missing.
func (m modemManager) await(ctx context.Context, limit time.Duration, what string, ready func([]modem) bool) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	signals, stop, err := m.changes(ctx)
	if err != nil {
		return err
	}
	defer func() { stop() }()
	for {
		all, err := m.modems(ctx)
		if err == nil && ready(all) {
			return nil
		}
		select {
		case _, ok := <-signals:
			if !ok {
				return fmt.Errorf("waiting for %s: %w", what, ErrNoBus)
			}
			drain(ctx, signals)
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, ctx.Err())
		}
	}
}

// drain lets a burst of signals pass.
func drain(ctx context.Context, signals <-chan *dbus.Signal) {
	t := time.NewTimer(lookEvery)
	defer t.Stop()
	for {
		select {
		case _, ok := <-signals:
			if !ok {
				return
			}
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// awaitNew waits for a modem that is none of those before. ModemManager never uses
// a path twice, so the modem that was reset comes back as a stranger.
func (m modemManager) awaitNew(ctx context.Context, before []modem) error {
	return m.await(ctx, returnLimit, "the modem to come back", func(all []modem) bool {
		return slices.ContainsFunc(all, func(one modem) bool {
			return !slices.ContainsFunc(before, func(old modem) bool { return old.path == one.path })
		})
	})
}
