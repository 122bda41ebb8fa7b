package vpn

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

// newsModem tells when its SIM has been locked or unlocked.
type newsModem struct {
	*fakeModem
	tell chan struct{}
}

func (m newsModem) Watch(ctx context.Context, changed func()) {
	for {
		select {
		case <-m.tell:
			changed()
		case <-ctx.Done():
			return
		}
	}
}

// A PIN that is missing is on the screen when the modem says so, and off it when
// somebody has entered it; not at the next round.
func TestNewsOfTheModemIsShownAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		m := newsModem{l.modem, make(chan struct{})}
		l.link.opts.Rescue = m
		l.start()
		time.Sleep(3 * time.Second)
		l.expect(status.Down, status.ReasonInterfaceMissing, "")
		l.modem.set(func(m *fakeModem) { m.refused = &cause{status.ReasonSIMLocked, "the SIM wants its PIN", "", slow} })
		m.tell <- struct{}{}
		time.Sleep(time.Millisecond)
		l.expect(status.Down, status.ReasonSIMLocked, "the SIM wants its PIN")
		l.modem.set(func(m *fakeModem) { m.refused = nil })
		m.tell <- struct{}{}
		time.Sleep(time.Millisecond)
		l.expect(status.Down, status.ReasonInterfaceMissing, "")
	})
}
