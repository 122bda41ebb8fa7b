package vpn

import (
	"context"
	"time"

	"edgeagent/internal/config"
	"edgeagent/internal/status"
)

// Rungs of the ladder of a link that something else dials: what a Rescue is
// asked to do, from the gentlest to the last.
const (
	RungActivate     = "activate"      // activate the connection, or restart the unit that dials
	RungReenable     = "reenable"      // turn the modem's radio off and on
	RungReset        = "reset"         // reset the modem
	RungModemManager = "modem-manager" // restart ModemManager
	RungUSB          = "usb"           // unplug the modem and plug it in again, by software
	RungReboot       = "reboot"        // the whole device
)

// Rescue does to a dialled link what the ladder decides, and knows what the
// modem says of itself. Its methods are called from one goroutine at a time,
// never from that of the link, and may take as long as the hardware does; they
// return when ctx ends. They name no type of this package, so that whoever
// implements them need not know it.
type Rescue interface {
	// Rungs returns those of the names above that this device has the means for
	// and the configuration allows. It is asked at the beginning of every climb:
	// a modem that was unplugged has no rungs.
	Rungs(ctx context.Context) []string
	// Do does one of them and returns when it is done; whether that helped is for
	// the probe to say. An error is logged and shown, and the ladder goes on. One
	// with a method NotBefore() time.Time puts the rung off until then (a budget
	// that is used up).
	Do(ctx context.Context, rung string) error
	// Facts are published with the link's own: SIM, operator, signal. Nil: none.
	Facts(ctx context.Context) status.Facts
	// Permanent reports a refusal that only a person can lift: a PIN, no SIM, a
	// wrong APN, a connection that does not exist (with what exists instead). No
	// rung is taken while ok. An empty hint leaves that of the reason.
	Permanent(ctx context.Context) (reason status.Reason, detail, hint string, ok bool)
}

// Rungs of a dialled link beyond their first time. Activating is repeated for
// ever, ever more rarely: a link must come back though the fault lasted for
// weeks. What is done to the hardware is rationed over a day, however often the
// link comes and goes in it: some modems do not come back from a reset.
const (
	activateAgain, activateAgainMax = time.Minute, 30 * time.Minute
	activateMost                    = 60
	reenableMost                    = 6
	resetAgain                      = 6 * time.Hour
	resetMost                       = 4
	modemManagerMost                = 2
	usbAgain                        = 12 * time.Hour
	usbMost                         = 2
	rebootAgain                     = 6 * time.Hour
	rebootMost                      = 4
)

// dialledRungs is the ladder of a link that something else dials. The budget of
// reboots outlives a boot and is therefore the Rescue's.
func dialledRungs(r config.Recovery) []rung {
	reboot := r.CellularReboot
	if !r.Reboot {
		reboot = 0
	}
	return without0([]rung{
		{name: RungActivate, after: r.CellularActivate, does: "activate the connection",
			again: activateAgain, againMax: activateAgainMax, most: activateMost},
		{name: RungReenable, after: r.CellularReenable, does: "turn the modem off and on", most: reenableMost},
		{name: RungReset, after: r.CellularReset, does: "reset the modem", again: resetAgain, most: resetMost},
		{name: RungModemManager, after: r.CellularModemManager, does: "restart ModemManager", most: modemManagerMost},
		{name: RungUSB, after: r.CellularUSB, does: "replug the modem by software", again: usbAgain, most: usbMost},
		{name: RungReboot, after: reboot, does: "reboot this device", again: rebootAgain, againMax: 24 * time.Hour, most: rebootMost},
	})
}
