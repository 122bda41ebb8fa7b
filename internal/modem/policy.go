package modem

import "time"

// How long the agent waits, and for what. When a rung of the ladder is due is in
// ladder.go and in the configuration.
const (
	// dialLimit is for a connection to the bus, callLimit for an answer that
	// takes no hardware: the slowest Pi needs some 50 ms.
	dialLimit = 5 * time.Second
	callLimit = 5 * time.Second
	// modemLimit is for a call that makes the modem itself do something.
	// ModemManager gives up on one after two minutes at most.
	modemLimit = 2 * time.Minute
	// activateLimit is for NetworkManager to bring a connection up or to say why
	// not: its own time-outs for a modem add up to less.
	activateLimit = 2 * time.Minute
	// unitLimit is for a restarted unit; a start job has 90 s by default.
	unitLimit = 2 * time.Minute
	// returnLimit is for a modem that was reset to be back on the bus: firmware
	// that boots for a minute is common.
	returnLimit = 2 * time.Minute
	// registerLimit is for the modem to find its network after that.
	registerLimit = 90 * time.Second
	// finishLimit is for what must not be left half done when the agent stops.
	finishLimit = 2 * time.Second

	// lookEvery gathers a burst of signals: a new modem makes dozens.
	lookEvery = 200 * time.Millisecond
	// redialMin and redialMax are between attempts to reach a bus that went away.
	redialMin, redialMax = time.Second, time.Minute

	// unplugged is how long a USB device stays without power over its ports'
	// interfaces. Less than a second, and some modems do not notice.
	unplugged = 3 * time.Second

	// refusalHolds is how long a refusal that dialling met keeps it from being tried
	// again: a wrong APN that was put right is noticed within that time, and a
	// network that is asked with a wrong password twice an hour has no complaint.
	refusalHolds = 30 * time.Minute

	// shownConnections is how many names an error lists.
	shownConnections = 8
)

// The reboot budget: at most one in rebootWait, doubled with each up to
// rebootWaitMax, and rebootWait again once there was no need for rebootForget.
const (
	rebootWait    = 6 * time.Hour
	rebootWaitMax = 24 * time.Hour
	rebootForget  = 48 * time.Hour
)
