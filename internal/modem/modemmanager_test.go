package modem

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

var wwan = config.Link{Interface: []string{"ppp0", "wwan0"}, Metered: true}

func TestFactsOfAModem(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.bearer(nil)
	r.modem("0", nil)
	got := r.rescue(wwan).Facts(within(t))
	want := status.Facts{
		"modem": "SIMCOM INCORPORATED SIM7600G-H", "modem_state": "connected", "sim": "ready",
		"operator": "NTT DOCOMO", "technology": "lte", "signal_percent": 74,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A newer ModemManager may change a type: what is left must still be read.
func TestFactsSurviveStrangeTypes(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", map[string]any{"SignalQuality": "strong", "State": "connected", "Bearers": uint32(7), "AccessTechnologies": "lte"})
	got := r.rescue(wwan).Facts(within(t))
	want := status.Facts{
		"modem": "SIMCOM INCORPORATED SIM7600G-H", "modem_state": "unknown", "sim": "unknown", "operator": "NTT DOCOMO",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestNoFactsWithoutABusOrAModem(t *testing.T) {
	absent := New(Options{Link: wwan, BusAddress: "unix:path=/nonexistent", Log: slog.New(slog.DiscardHandler)})
	if got := absent.Facts(within(t)); got != nil {
		t.Errorf("without a bus: %v", got)
	}
	r := newRig(t)
	if got := r.rescue(wwan).Facts(within(t)); got != nil {
		t.Errorf("without ModemManager: %v", got)
	}
	r.modemManager()
	if got := r.rescue(wwan).Facts(within(t)); got != nil {
		t.Errorf("without a modem: %v", got)
	}
}

// Off, radio off, on: in this order and to the end.
func TestReenable(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", nil)
	if err := r.rescue(wwan).Do(within(t), rungReenable); err != nil {
		t.Fatal(err)
	}
	if got := r.calls(mmService, mmPath+"/Modem/0", "Enable"); len(got) != 2 || got[0][0] != false || got[1][0] != true {
		t.Errorf("Enable was called with %v", got)
	}
	if got := r.calls(mmService, mmPath+"/Modem/0", "SetPowerState"); len(got) != 1 || got[0][0] != uint32(mmPowerLow) {
		t.Errorf("SetPowerState was called with %v", got)
	}
}

// An agent that is stopped while the modem is off leaves no dead modem behind.
func TestReenableEndsWithTheModemOn(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", nil)
	path := mmPath + "/Modem/0"
	r.method(mmService, path, mmModem, "SetPowerState", "u", "", "import time; time.sleep(0.5)")
	ctx, cancel := context.WithCancel(within(t))
	rescue := r.rescue(wwan)
	done := background(func() error { return rescue.Do(ctx, rungReenable) })
	r.awaitCall(mmService, path, "Enable", 1)
	cancel()
	<-done
	r.awaitCall(mmService, path, "Enable", 2)
	if got := r.calls(mmService, path, "Enable"); got[len(got)-1][0] != true {
		t.Errorf("Enable was called with %v", got)
	}
}

// A modem that is reset leaves the bus and comes back under another path.
func TestResetWaitsForTheModemToComeBack(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", nil)
	r.modem("1", map[string]any{"Ports": []port{{"wwan1", mmPortNet}}}) // another link's stays
	rescue := r.rescue(wwan)
	done := background(func() error { return rescue.Do(within(t), rungReset) })
	r.awaitCall(mmService, mmPath+"/Modem/0", "Reset", 1)
	looks := func() int { return strings.Count(r.log(), "GetManagedObjects") }
	before := looks()
	r.unplug("0")
	r.eventually("another look", func() bool { return looks() > before })
	select {
	case err := <-done:
		t.Fatalf("done while the modem is away: %v", err)
	case <-time.After(2 * lookEvery):
	}
	r.modem("2", nil)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// Each way of saying no: the bus's policy, polkit's word, and the modem's.
func TestRungThatIsRefusedIsLeftOutFromThenOn(t *testing.T) {
	tests := map[string]struct {
		policy, code string
		want         error
	}{
		"by the bus":    {`<deny send_interface="` + mmModem + `" send_member="Reset"/>`, "", ErrDenied},
		"by polkit":     {"", `raise dbus.exceptions.DBusException('PolicyKit authorization failed', name='org.freedesktop.ModemManager1.Error.Core.Unauthorized')`, ErrDenied},
		"by the plugin": {"", `raise dbus.exceptions.DBusException('Cannot reset the modem: operation not supported', name='` + mmUnsupported + `')`, ErrUnsupported},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, tt.policy)
			r.modemManager()
			r.modem("0", nil)
			if tt.code != "" {
				r.method(mmService, mmPath+"/Modem/0", mmModem, "Reset", "", "", tt.code)
			}
			rescue := r.rescue(wwan)
			if got := rescue.Rungs(within(t)); !slices.Equal(got, []string{rungReenable, rungReset}) {
				t.Fatalf("rungs %v before", got)
			}
			if err := rescue.Do(within(t), rungReset); !errors.Is(err, tt.want) {
				t.Errorf("got %v", err)
			}
			if got := rescue.Rungs(within(t)); !slices.Equal(got, []string{rungReenable}) {
				t.Errorf("rungs %v after", got)
			}
		})
	}
}

// A ModemManager that hangs holds nobody for ever, and a stop does not wait for it.
func TestSlowModemManager(t *testing.T) {
	r := newRig(t)
	mm := r.modemManager()
	r.modem("0", nil)
	rescue := r.rescue(wwan)
	if rescue.Facts(within(t)) == nil {
		t.Fatal("no facts")
	}
	if err := mm.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mm.Process.Signal(syscall.SIGCONT) })
	ctx, cancel := context.WithCancel(within(t))
	done := background(func() error { return rescue.Do(ctx, rungReset) })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	var late struct{ props }
	if err := rescue.bus.callFor(within(t), time.Millisecond, mmMain, mmService+".Nothing", nil, &late); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the call's own deadline", err)
	}
}

// The bus is restarted, and everything on it: the next question finds the new one.
func TestBusRestart(t *testing.T) {
	r := newRig(t)
	mm := r.modemManager()
	r.modem("0", nil)
	rescue := r.rescue(wwan)
	news := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(within(t))
	watched := background(func() error { rescue.Watch(ctx, func() { news <- struct{}{} }); return nil })
	<-news
	if rescue.Facts(within(t)) == nil {
		t.Fatal("no facts")
	}
	stop(r.daemon)
	<-news
	if got := rescue.Facts(within(t)); got != nil {
		t.Errorf("facts without a bus: %v", got)
	}
	stop(mm)
	r.startBus()
	r.modemManager()
	r.modem("3", nil)
	r.eventually("facts after the restart", func() bool { return rescue.Facts(within(t)) != nil })
	<-news
	cancel()
	<-watched
}

// News comes by signals: one call for a burst of them.
func TestWatch(t *testing.T) {
	r := newRig(t)
	r.modemManager()
	r.modem("0", nil)
	rescue := r.rescue(wwan)
	news := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(within(t))
	watched := background(func() error { rescue.Watch(ctx, func() { news <- struct{}{} }); return nil })
	<-news                        // at the start
	for bit := range uint32(20) { // a modem on a moving thing: of no interest
		r.set(mmService, mmPath+"/Modem/0", mmModem, "AccessTechnologies", uint32(1)<<bit)
	}
	for state := range int32(10) {
		r.set(mmService, mmPath+"/Modem/0", mmModem, "State", state)
	}
	<-news
	r.unplug("0")
	r.eventually("news of the modem's end", func() bool {
		select {
		case <-news:
			return rescue.Facts(within(t)) == nil
		default:
			return false
		}
	})
	cancel()
	<-watched
	if n := len(news); n > 5 {
		t.Errorf("%d calls for two bursts", n)
	}
}
