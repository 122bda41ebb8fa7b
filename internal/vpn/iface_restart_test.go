package vpn

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"edgeagent/internal/status"
)

func TestRestartOfAnInterface(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t)
		if err := l.link.Restart(t.Context()); !errors.Is(err, ErrDown) {
			t.Errorf("before the run: %v", err)
		}
		l.up()
		l.modem.set(func(m *fakeModem) { m.takes = time.Minute })
		if err := l.link.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Second)
		if err := l.link.Restart(t.Context()); err == nil {
			t.Error("it was dialled twice at once")
		}
		time.Sleep(time.Minute)
		if got := l.modem.log(); len(got) != 1 || got[0].what != RungActivate {
			t.Errorf("done: %v", got)
		}
	})
}

// A modem whose connection is nobody's on this device is proved anew, no more.
func TestRestartOfWhatNothingDials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLeg(t, func(o *InterfaceOptions) { o.Link.Connection = "" })
		l.up()
		if err := l.link.Restart(t.Context()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if _, ok := l.link.Path(); ok {
			t.Error("the path went on")
		}
		time.Sleep(time.Minute)
		l.expect(status.OK, status.ReasonConnected, "")
		if got := l.modem.log(); len(got) != 0 {
			t.Errorf("done: %v", got)
		}
	})
}
