package vpn

import "time"

// How long the agent waits, and for what. The times of the recovery ladder are
// in recovery.go; the probe's and the ladder's can be set in the configuration.
const (
	// dialLimit is from the start of OpenVPN to its management socket, which
	// takes 10 ms on a PC and a second on the oldest Pi.
	dialLimit = 5 * time.Second
	// writeLimit is for one management command.
	writeLimit = 2 * time.Second

	// endLimit is from SIGTERM to SIGKILL, killLimit from there to the end: the
	// stage must be gone 2 s after it was told to.
	endLimit  = 1200 * time.Millisecond
	killLimit = 500 * time.Millisecond

	// lookupLimit is for one lookup of the server's name.
	lookupLimit = 10 * time.Second

	// wakeLag is from the turn of a second until OpenVPN sees it: time(2) is the
	// kernel's last tick, of which there are 100 a second at least.
	wakeLag = 12 * time.Millisecond

	// answerLimit is how long a server may stay silent before the next address
	// is tried (OpenVPN's server-poll-timeout). Its own 60 s TLS wait would send
	// packets ever more rarely: after an outage it would come back half a minute late.
	answerLimit = 10 * time.Second

	// bytecountEvery is how often OpenVPN tells its counters: the cheapest
	// sign of a black hole, at one wake-up each time.
	bytecountEvery = 5 * time.Second

	// speechLimit is how long a process may say nothing while it connects or is
	// connected; then it is asked, and has replyLimit to answer. Together they are
	// longer than its longest wait for a proxy or a name, during which it is deaf.
	speechLimit = 3 * bytecountEvery
	replyLimit  = 5 * time.Second

	// silentPings server pings may stay out before a probe looks for the reason.
	silentPings = 2
	// idleSilence stands for them when the server pushes no ping.
	idleSilence = 15 * time.Second
	// falseAlarms of that kind in one connection show that this server does
	// not ping; the regular probes must do then.
	falseAlarms = 3

	// probeSpacing is between the starts of two probes of a path in doubt: an
	// error that comes at once ("network is unreachable") is not three failures.
	probeSpacing = time.Second
	// proofSpacing is instead of it while a dialled link has answered every probe
	// since its device is there, or a connection has since its uplink is back:
	// whoever waits for the path waits for this.
	proofSpacing = probeSpacing / 4
	// tcpPart is a probe's time for its second try, over TCP.
	tcpPart = 5 * time.Second
	// seekSpacing is instead of it on a path that has been given up, unless it is
	// paid for by the byte: its end must be seen within 5 s, however long it was
	// away. A probe that meets silence takes 7 s and repeats its SYN meanwhile, and
	// the next one follows after probeSpacing.
	seekSpacing = 4 * time.Second
	// firstProbes come in quick succession after a connection was made, as the
	// far side's routes may need a moment; after that suspect_interval holds.
	firstProbes = 5
	// meteredProbe is the interval on a link where each probe is paid for.
	meteredProbe = 5 * time.Minute
	// chattyPing is worth a warning there: at 1 s pings cost 352 MB a month.
	chattyPing = 10 * time.Second

	// stableAfter is how long a path must have stood for the next failure to be
	// a first one again, retried at once.
	stableAfter = time.Minute
	// factsEvery is how often byte counters alone are worth a report.
	factsEvery = 30 * time.Second
	// precheckEvery is for clock, certificate and file, while one is wrong:
	// looking again costs the network nothing.
	precheckEvery = 10 * time.Second
	// inspectEvery gathers a burst of kernel events: a new device makes a dozen.
	inspectEvery = 50 * time.Millisecond
	// deviceGrace is for OpenVPN's word on a device that is gone, which comes a
	// few milliseconds after it closed the device itself.
	deviceGrace = 200 * time.Millisecond
	// repairLimit routes are put back in an hour without delay, then one each
	// repairPause: somebody else insists, and two who insist would not stop.
	repairLimit = 10
	repairPause = 30 * time.Second
	// certWarning is how long before its end a certificate is worth a warning.
	certWarning = 14 * 24 * time.Hour
)

// Pauses between attempts, each with full jitter.
// https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
const (
	// A process that dies is a fault of this device: nobody else is bothered.
	processBase, processMax = 2 * time.Second, 5 * time.Minute
	// A connection is one packet to a server that may be overloaded; 30 s is
	// as long as a site should wait after the server is back.
	connectBase, connectMax = 2 * time.Second, 30 * time.Second
	// A lookup is asked of the site's own DNS server.
	lookupBase, lookupMax = time.Second, 30 * time.Second
	// After the server told this client to stop.
	haltBase = 30 * time.Second
	// After a refusal that only a person can lift.
	rejectPause = 5 * time.Minute
)

// rejectsBeforeSlow is how many handshakes in a row must die after the client's
// certificate was sent before the silence is taken for a refusal: one may be loss.
const rejectsBeforeSlow = 3

// maxHosts is how many single addresses are routed into the link, and refused
// beside it. The endpoint's and the tunneling service's are a handful; but each
// time they move there are others, and a daemon runs for years.
const maxHosts = 64
