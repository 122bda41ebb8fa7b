package modem

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// Watch calls changed after each burst of news from ModemManager or
// NetworkManager's connections that can change what Permanent or Rungs say, and
// when either comes or goes, until ctx ends. It outlives restarts of the bus, does
// not poll while the bus is there, and hangs up in the end.
func (r *Rescue) Watch(ctx context.Context, changed func()) {
	defer r.bus.Close()
	pause := redialMin
	for ctx.Err() == nil {
		signals, stop, err := r.news(ctx)
		if err == nil {
			pause = redialMin
			changed()
			r.relay(ctx, signals, changed)
			stop()
			if ctx.Err() == nil {
				changed() // the bus went away, and what was known with it
			}
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
		}
		pause = min(2*pause, redialMax)
	}
}

// news are all signals that can change what Facts and Permanent say.
func (r *Rescue) news(ctx context.Context) (<-chan *dbus.Signal, func(), error) {
	return r.bus.subscribe(ctx,
		[]dbus.MatchOption{dbus.WithMatchSender(mmService), dbus.WithMatchPathNamespace(mmPath)},
		[]dbus.MatchOption{dbus.WithMatchSender(nmService), dbus.WithMatchInterface(nmActive), dbus.WithMatchMember("StateChanged")},
		[]dbus.MatchOption{dbus.WithMatchSender(nmService), dbus.WithMatchPathNamespace(nmPath + "/Settings")},
		ownerChanged(mmService), ownerChanged(nmService),
	)
}

// chatter are properties that change every half minute and decide nothing.
var chatter = []string{"SignalQuality", "AccessTechnologies", "Stats"}

// matters reports whether a signal is more than chatter.
func matters(s *dbus.Signal) bool {
	if !strings.HasSuffix(s.Name, ".PropertiesChanged") {
		return true
	}
	for name := range at[map[string]dbus.Variant](s.Body, 1) {
		if !slices.Contains(chatter, name) {
			return true
		}
	}
	return false
}

// relay passes news on until the connection or ctx ends, a burst at a time: a modem
// that registers tells a dozen things within a second.
func (r *Rescue) relay(ctx context.Context, signals <-chan *dbus.Signal, changed func()) {
	for {
		select {
		case s, ok := <-signals:
			if !ok {
				return
			}
			if matters(s) {
				drain(ctx, signals)
				changed()
			}
		case <-ctx.Done():
			return
		}
	}
}
